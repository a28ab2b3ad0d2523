namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary>A step that cuts a text into the pieces which the model encodes one by one: an entry of <c>pre_tokenizer</c>.</summary>
internal abstract class PreTokenizer
{
    public abstract void Apply(PreTokenizedText text);
}
