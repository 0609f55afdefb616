namespace PostMantis.Core.Persistence;

/// <summary>
/// Marks a migration that takes away what older versions still use. Every other migration only adds, so that the version
/// before it runs on its schema too.
/// </summary>
/// <param name="since">The migration that came with the first version which no longer uses what is taken away.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ContractsAttribute(string since) : Attribute
{
    public string Since => since;
}
