namespace PostMantis.AppHost;

/// <summary>This machine lacks something; the message is the one line its owner reads.</summary>
internal sealed class LocalStartException(string message) : Exception(message);
