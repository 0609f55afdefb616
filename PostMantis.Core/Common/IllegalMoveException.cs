namespace PostMantis.Core.Common;

/// <summary>A state machine was asked for a move its table does not have: a bug, never a caller's mistake.</summary>
public sealed class IllegalMoveException(string what, object from, object to)
    : InvalidOperationException($"A {what} cannot go from {from} to {to}.");
