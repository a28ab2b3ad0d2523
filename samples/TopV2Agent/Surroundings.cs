namespace TopV2Agent;

/// <summary>What a real agent would ask a service for; here invented, the same for the same question.</summary>
internal static class Surroundings
{
    private static readonly string[] s_skies = ["sunny", "cloudy", "rainy", "windy", "foggy"];

    public static string GetWeather(string? location = null, string? dateTime = null, string? weatherAttribute = null)
    {
        var number = (location ?? "here").Sum(character => character);
        var about = weatherAttribute is null ? "" : $" (you asked about {weatherAttribute})";
        return $"{location ?? "Here"}, {dateTime ?? "now"}: {s_skies[number % s_skies.Length]}, {10 + number % 20} degrees{about}. I made that up.";
    }

    /// <summary>Answers the inner intent of "how long to drive [home]"; its result is the outer call's destination.</summary>
    public static string GetLocationHome() => "12 Elm Street";

    public static string GetEstimatedDuration(string destination, string? source = null, string? methodTravel = null) =>
        $"It takes {10 + destination.Length} minutes to {methodTravel ?? "get"} from {source ?? "here"} to {destination}. I made that up.";
}
