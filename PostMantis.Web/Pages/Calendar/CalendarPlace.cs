using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;

namespace PostMantis.Web.Pages.Calendar;

/// <summary>How a calendar is cut.</summary>
internal enum CalendarView
{
    Month,
    Week,
    List,

    /// <summary>One day with all that is on it.</summary>
    Day,
}

/// <summary>Where in the calendar a person is: view, day, zone and filters, as its address says it.</summary>
internal sealed record CalendarPlace(CalendarView View, DateOnly Day, string Zone)
{
    public const string Path = "/calendar";
    private const int WeekDays = 7;
    private const int ListDays = 30;

    /// <summary>Posts shown of one day; what is more is one click away.</summary>
    public int MostOfDay => View switch
    {
        CalendarView.Month => 3,
        CalendarView.Week => 12,
        CalendarView.List => 20,
        _ => 500,
    };

    public string? Profile { get; init; }
    public string? Provider { get; init; }
    public string? State { get; init; }

    public bool IsFiltered => Profile is not null || Provider is not null || State is not null;

    /// <summary>The states to choose from, by what the address says and by what people call them.</summary>
    public static IReadOnlyList<(string Value, string Text)> States { get; } =
    [
        ("draft", "Draft"), ("awaitingApproval", "Awaiting approval"), ("scheduled", "Scheduled"), ("publishing", "Publishing"),
        ("published", "Published"), ("partial", "Partial"), ("failed", "Failed"), ("unknown", "Unknown"), ("canceled", "Canceled"),
    ];

    /// <summary>Reads an address; what it does not say or says wrongly is as at first.</summary>
    public static CalendarPlace Of(IQueryCollection query, string zone, DateTimeOffset now)
    {
        string? Said(string name) => query[name].ToString() is { Length: > 0 } text ? text : null;
        var asked = Said("zone") is { } other && TimeZoneInfo.TryFindSystemTimeZoneById(other, out _) ? other : zone;
        return new CalendarPlace(
            Enum.TryParse<CalendarView>(Said("view"), ignoreCase: true, out var view) && Enum.IsDefined(view) ? view : CalendarView.Month,
            DateOnly.TryParseExact(Said("day"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
                && day.Year is > 1900 and < 9000 ? day : Today(asked, now), asked)
        {
            Profile = Guid.TryParse(Said("profile"), out var profile) ? profile.ToString() : null,
            Provider = Said("provider"),
            State = States.Any(s => s.Value == Said("state")) ? Said("state") : null,
        };
    }

    /// <summary>The day it is in a zone.</summary>
    public static DateOnly Today(string zone, DateTimeOffset now) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, TimeZoneInfo.FindSystemTimeZoneById(zone)).DateTime);

    /// <summary>The days shown, Mondays first.</summary>
    public IReadOnlyList<DateOnly> Days
    {
        get
        {
            var (from, count) = View switch
            {
                CalendarView.Month when Monday(new DateOnly(Day.Year, Day.Month, 1)) is var first =>
                    (first, (Monday(new DateOnly(Day.Year, Day.Month, 1).AddMonths(1).AddDays(-1)).DayNumber - first.DayNumber) + WeekDays),
                CalendarView.Week => (Monday(Day), WeekDays),
                CalendarView.List => (Day, ListDays),
                _ => (Day, 1),
            };
            return [.. Enumerable.Range(0, count).Select(from.AddDays)];
        }
    }

    /// <summary>When each day begins and ends.</summary>
    public IReadOnlyList<(DateTimeOffset From, DateTimeOffset Until)> Spans => [.. Days.Select(day => (Start(day), Start(day.AddDays(1))))];

    public CalendarQuery Query => new(
        Profile is null ? null : Guid.Parse(Profile), Provider, null,
        CamelCase.TryParse<PostStatus>(State, out var status)
            ? status == PostStatus.Scheduled ? [PostStatus.Pending, PostStatus.Scheduled] : [status]
            : null,
        CamelCase.TryParse<PostOutcome>(State, out var outcome) ? [outcome] : null);

    /// <summary>What the page is about, in words.</summary>
    public string Title => View switch
    {
        CalendarView.Month => Day.ToString("MMMM yyyy", CultureInfo.InvariantCulture),
        CalendarView.Day => Day.ToString("dddd d MMMM yyyy", CultureInfo.InvariantCulture),
        _ => $"{Days[0].ToString("d MMM", CultureInfo.InvariantCulture)} – {Days[^1].ToString("d MMM yyyy", CultureInfo.InvariantCulture)}",
    };

    /// <summary>A step back or on, by what is shown at once.</summary>
    public CalendarPlace Step(int by) => this with
    {
        Day = View switch
        {
            CalendarView.Month => new DateOnly(Day.Year, Day.Month, 1).AddMonths(by),
            CalendarView.Week => Day.AddDays(by * WeekDays),
            CalendarView.List => Day.AddDays(by * ListDays),
            _ => Day.AddDays(by),
        },
    };

    /// <summary>The address of this place, with what else it should say.</summary>
    public string Address(params (string Name, string? Value)[] more)
    {
        Dictionary<string, string?> query = new()
        {
            ["view"] = CamelCase.Of(View), ["day"] = Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), ["profile"] = Profile,
            ["provider"] = Provider, ["state"] = State,
        };
        foreach (var (name, value) in more) query[name] = value;
        return QueryHelpers.AddQueryString(Path, query.Where(pair => pair.Value is not null));
    }

    /// <summary>The moment as the clock of the zone shows it.</summary>
    public DateTime Local(DateTimeOffset at) => TimeZoneInfo.ConvertTime(at, TimeZoneInfo.FindSystemTimeZoneById(Zone)).DateTime;

    // Where clocks skip midnight, the day begins when it begins.
    private DateTimeOffset Start(DateOnly day)
    {
        var (zone, midnight) = (TimeZoneInfo.FindSystemTimeZoneById(Zone), day.ToDateTime(TimeOnly.MinValue));
        while (zone.IsInvalidTime(midnight)) midnight = midnight.AddMinutes(15);
        return new DateTimeOffset(midnight, zone.IsAmbiguousTime(midnight) ? zone.GetAmbiguousTimeOffsets(midnight).Max() : zone.GetUtcOffset(midnight));
    }

    private static DateOnly Monday(DateOnly day) => day.AddDays(-(((int)day.DayOfWeek + 6) % WeekDays));
}
