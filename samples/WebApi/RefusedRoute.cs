namespace WebApi;

/// <summary>Says what could have been asked where no route takes a request's path, or its method.</summary>
internal static class RefusedRoute
{
    /// <summary>The error's message; null where the status tells of something else.</summary>
    public static string? Describe(HttpContext caller, int? status)
    {
        var path = Excerpt.Of(caller.Request.Path.Value ?? "");
        return status switch
        {
            StatusCodes.Status404NotFound => $"There is no '{path}' here, expected one of {string.Join(", ", Routes(caller))}.",

            // Routing says in this header which methods the path takes.
            StatusCodes.Status405MethodNotAllowed => $"'{path}' does not take {Excerpt.Of(caller.Request.Method)}, expected {caller.Response.Headers.Allow}.",
            _ => null,
        };
    }

    private static IEnumerable<string> Routes(HttpContext caller) =>
        caller.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(static route =>
            $"{route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods[0] ?? HttpMethods.Get} {route.RoutePattern.RawText}");
}
