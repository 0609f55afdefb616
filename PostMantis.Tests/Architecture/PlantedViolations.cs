// Small rooms with forbidden references in them, to show that the rules see each kind.
namespace PostMantis.Tests.Architecture.Planted.Deliveries
{
    internal enum PlantedStatus
    {
        Waiting,
    }

    internal sealed class PlantedDelivery
    {
        public static int Count { get; set; }
    }
}

namespace PostMantis.Tests.Architecture.Planted.Posts
{
    internal sealed class SeesInField
    {
        public List<Deliveries.PlantedDelivery?> All { get; } = [];
    }

    internal sealed class SeesInBody
    {
        public static int Ask() => Deliveries.PlantedDelivery.Count;
    }

    internal sealed class SeesInLambda
    {
        public static Func<object, bool> Ask() => candidate => candidate is Deliveries.PlantedDelivery;
    }

    internal sealed class SeesNothing
    {
        public static string Name => nameof(SeesNothing);
    }
}

namespace PostMantis.Tests.Architecture.Planted.Providers.First
{
    internal sealed class SeesOtherNetwork
    {
        public static Second.OtherNetwork? Other(Second.OtherNetwork? given) => given;
    }

    internal sealed class SeesProviders
    {
        public static Providers.Shared? Given { get; set; }
    }
}

namespace PostMantis.Tests.Architecture.Planted.Providers.Second
{
    internal sealed class OtherNetwork;
}

namespace PostMantis.Tests.Architecture.Planted.Providers
{
    internal sealed class Shared
    {
        public static Deliveries.PlantedStatus Status(Deliveries.PlantedStatus status) => status;
    }
}
