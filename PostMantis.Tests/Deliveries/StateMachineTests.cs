using System.Text;
using CsCheck;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Deliveries;

/// <summary>Random moves of everything that has states: what is legal is what the contract says, and nothing else.</summary>
public sealed class StateMachineTests
{
    // As the contract writes them (§4).
    private const string PostMovesOfTheContract = """
        draft → pending, awaitingApproval
        awaitingApproval → pending, canceled
        pending → scheduled, completed, canceled
        scheduled → pending, publishing, completed, canceled
        publishing → completed, canceled
        completed → publishing
        canceled →
        """;

    private const string DeliveryMovesOfTheContract = """
        pending → published, incomplete, failed, canceled, unknown
        unknown → published, failed, pending
        failed → pending
        incomplete → published
        published →
        canceled →
        """;

    private const string SessionMovesOfTheContract = """
        started → authorized, failed, expired, canceled
        authorized → completed, failed, expired, canceled
        completed →
        failed →
        expired →
        canceled →
        """;

    private const string ProfileMovesOfTheContract = """
        active → reauthRequired, disconnected
        reauthRequired → disconnected
        disconnected →
        """;

    private static readonly DateTimeOffset _now = new(2027, 3, 30, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_table_of_posts_is_the_contract_s() =>
        Assert.Equal(PostMovesOfTheContract, Table<PostStatus>(PostMoves.IsLegal, PostMovesOfTheContract));

    [Fact]
    public void The_table_of_deliveries_is_the_contract_s() =>
        Assert.Equal(DeliveryMovesOfTheContract, Table<DeliveryStatus>(DeliveryMoves.IsLegal, DeliveryMovesOfTheContract));

    [Fact]
    public void A_post_moves_only_by_the_table_and_has_an_outcome_only_when_completed() =>
        Gen.Enum<PostStatus>().Array[1, 60].Sample(wanted =>
        {
            var post = new Post { UserId = Guid.Empty };
            foreach (var next in wanted)
            {
                var before = post.Status;
                var mayMove = Legal(PostMovesOfTheContract, before, next);
                var moved = Try(() => post.MoveTo(next, _now,
                    next == PostStatus.Completed ? PostOutcome.Published : null));
                Assert.Equal(mayMove, moved);
                Assert.Equal(moved ? next : before, post.Status);
                Assert.Equal(post.Status == PostStatus.Completed, post.Outcome is not null);
                Assert.Equal(post.Status == PostStatus.Completed, post.CompletedAt is not null);
                Assert.Equal(post.Status == PostStatus.Canceled, post.CanceledAt is not null);
            }
        });

    [Fact]
    public void A_delivery_moves_only_by_the_table() =>
        Gen.Enum<DeliveryStatus>().Array[1, 60].Sample(wanted =>
        {
            var delivery = new Delivery
            {
                Provider = ProviderCatalog.SandboxId,
                ProfileName = "Page",
                Content = new DeliveryContent("Hello", null, [], [], null, []),
                ContentHash = [],
            };
            foreach (var next in wanted)
            {
                var before = delivery.Status;
                var moved = Try(() => DeliverySettler.Move(delivery, next, _now));
                Assert.Equal(Legal(DeliveryMovesOfTheContract, before, next), moved);
                Assert.Equal(moved ? next : before, delivery.Status);
            }
        });

    [Fact]
    public void A_connection_session_moves_only_by_the_table_and_loses_its_secret_when_it_ends() =>
        Gen.Enum<ConnectionSessionStatus>().Array[1, 20].Sample(wanted =>
        {
            var session = ConnectionSession.Start(Guid.Empty, Guid.Empty, Guid.Empty, ProviderCatalog.SandboxId, [], [1],
                _now, _now.AddMinutes(30));
            foreach (var next in wanted)
            {
                var before = session.Status;
                var moved = Try(() => Move(session, next));
                Assert.Equal(Legal(SessionMovesOfTheContract, before, next), moved);
                Assert.Equal(moved ? next : before, session.Status);
                var isOpen = session.Status is ConnectionSessionStatus.Started or ConnectionSessionStatus.Authorized;
                Assert.Equal(isOpen, session.Credential is not null);
                Assert.Equal(isOpen, session.EndedAt is null);
            }
        });

    [Fact]
    public void A_profile_moves_only_by_the_table_and_comes_back_only_by_connecting_again() =>
        Gen.Int[0, 3].Array[1, 40].Sample(wanted =>
        {
            var profile = new Profile { Provider = ProviderCatalog.SandboxId, ProviderProfileId = "page", Name = "Page" };
            foreach (var move in wanted)
            {
                var before = profile.Status;
                if (move == 0)
                {
                    profile.Revive(Guid.Empty, _now);
                    Assert.Equal((ProfileStatus.Active, null), (profile.Status, profile.DisconnectedAt));
                    continue;
                }
                var next = move == 1 ? ProfileStatus.ReauthRequired : ProfileStatus.Disconnected;
                var moved = Try(() =>
                {
                    if (move == 1) profile.RequireReauth(_now);
                    else profile.Disconnect(_now);
                });
                Assert.Equal(Legal(ProfileMovesOfTheContract, before, next), moved);
                Assert.Equal(moved ? next : before, profile.Status);
                Assert.Equal(profile.Status == ProfileStatus.Disconnected, profile.DisconnectedAt is not null);
            }
        });

    private static void Move(ConnectionSession session, ConnectionSessionStatus next)
    {
        switch (next)
        {
            case ConnectionSessionStatus.Authorized:
                session.Authorize([2], new ProviderAccount("a", "A", null, null), [], _now, _now.AddMinutes(30));
                break;
            case ConnectionSessionStatus.Completed:
                session.Complete(_now);
                break;
            case ConnectionSessionStatus.Failed:
                session.Fail(Errors.Fault, _now);
                break;
            case ConnectionSessionStatus.Expired:
                session.Expire(_now);
                break;
            case ConnectionSessionStatus.Canceled:
                session.Cancel(_now);
                break;
            default:
                throw new IllegalMoveException(nameof(ConnectionSession), session.Status, next);
        }
    }

    // The code's table in the contract's words and order, so that a difference reads as one.
    private static string Table<TState>(Func<TState, TState, bool> isLegal, string contract)
        where TState : struct, Enum
    {
        var text = new StringBuilder();
        foreach (var line in contract.Split('\n'))
        {
            var from = Enum.Parse<TState>(line.Split(' ')[0], ignoreCase: true);
            var named = line.Split('→')[1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(name => Enum.Parse<TState>(name, ignoreCase: true)).ToList();
            var legal = named.Concat(Enum.GetValues<TState>().Except(named)).Where(next => isLegal(from, next));
            text.Append($"{CamelCase.Of(from)} → {string.Join(", ", legal.Select(CamelCase.Of))}".TrimEnd()).Append('\n');
        }
        Assert.Equal(Enum.GetValues<TState>().Length, contract.Split('\n').Length);
        return text.ToString().TrimEnd('\n');
    }

    private static bool Legal<TState>(string contract, TState from, TState next)
        where TState : struct, Enum =>
        contract.Split('\n').Single(line => line.StartsWith(CamelCase.Of(from) + " ", StringComparison.Ordinal))
            .Split('→')[1].Split(',', StringSplitOptions.TrimEntries).Contains(CamelCase.Of(next));

    private static bool Try(Action move)
    {
        try
        {
            move();
            return true;
        }
        catch (IllegalMoveException)
        {
            return false;
        }
    }
}
