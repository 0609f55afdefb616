namespace PostMantis.Core.Vault;

/// <summary>A bytea column that holds sealed values, in a table with a uuid <c>id</c> and a <c>user_id</c>.</summary>
public sealed record SealedColumn(string Table, string Column)
{
    /// <summary>The one value of this column that belongs to <paramref name="rowId"/>.</summary>
    public SealedPlace Of(Guid rowId, Guid userId) => new(Table, Column, rowId, userId);
}

/// <summary>
/// Where a sealed value lives. It is bound to this place: moved to another row, column or user, it no longer opens.
/// </summary>
/// <param name="UserId">The owner, or empty for what belongs to the instance.</param>
public sealed record SealedPlace(string Table, string Column, Guid RowId, Guid UserId)
{
    /// <summary>Names the record for logs and errors; nothing of what is in it.</summary>
    public override string ToString() => $"{Table}.{Column} of {RowId}";
}
