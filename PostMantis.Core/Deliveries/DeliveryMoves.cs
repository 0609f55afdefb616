using static PostMantis.Core.Deliveries.DeliveryStatus;

namespace PostMantis.Core.Deliveries;

/// <summary>Every legal move of a delivery, in one table (contract §4).</summary>
public static class DeliveryMoves
{
    public static bool IsLegal(DeliveryStatus from, DeliveryStatus next) => (from, next) is
        (Pending, Published or Incomplete or Failed or Canceled or Unknown) or
        (Unknown, Published or Failed or Pending) or   // Pending again only with proof of absence
        (Failed, Pending) or
        (Incomplete, Published);
}
