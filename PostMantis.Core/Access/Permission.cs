namespace PostMantis.Core.Access;

/// <summary>The ladder of what a key may do; each rung includes the ones below.</summary>
public enum Permission
{
    Read,
    Draft,
    Publish,
}

/// <summary>Rights outside the ladder, off by default.</summary>
public enum Grant
{
    Disconnect,
    Resolve,
}
