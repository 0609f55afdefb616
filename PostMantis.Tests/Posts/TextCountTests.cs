using System.Text;
using CsCheck;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Posts;

public sealed class TextCountTests
{
    private static readonly int[] _joining = [0x200D, 0xFE0F, 0x20E3, 0x301, 0x1F1E9, 0x1F1EA];

    // Storable text: no half surrogate pairs, which no request gets in with.
    private static readonly Gen<string> _texts = Gen.OneOf(
            Gen.Int[0x20, 0x7E].Select(c => new Rune(c)),
            Gen.Int[0xA0, 0x2FFF].Select(c => new Rune(c)),
            Gen.Int[0x1F300, 0x1FAFF].Select(c => new Rune(c)),
            Gen.Int[0, 5].Select(i => new Rune(_joining[i])))
        .Array[0, 80].Select(runes => string.Concat(runes.Select(rune => rune.ToString())));

    [Fact]
    public void Coarser_units_never_count_more_than_finer_ones() => _texts.Sample(text =>
    {
        var (graphemes, points, utf16, bytes) = (TextCount.Of(text, TextUnit.Graphemes),
            TextCount.Of(text, TextUnit.CodePoints), TextCount.Of(text, TextUnit.Utf16), TextCount.Of(text, TextUnit.Utf8Bytes));
        Assert.True(graphemes <= points && points <= utf16 && utf16 <= bytes);
        Assert.Equal(text.Length == 0, graphemes == 0);
    });

    [Fact]
    public void Texts_apart_count_as_much_as_together() => Gen.Select(_texts, _texts).Sample((one, two) =>
    {
        foreach (var unit in new[] { TextUnit.CodePoints, TextUnit.Utf16, TextUnit.Utf8Bytes })
            Assert.Equal(TextCount.Of(one, unit) + TextCount.Of(two, unit), TextCount.Of(one + two, unit));

        // A line break joins nothing.
        foreach (var unit in new[] { TextUnit.Graphemes, TextUnit.Weighted })
            Assert.Equal(TextCount.Of(one, unit) + 1 + TextCount.Of(two, unit), TextCount.Of($"{one}\n{two}", unit));
    });

    [Fact]
    public void A_weight_is_between_one_and_two_of_each_character() => _texts.Sample(text =>
    {
        var weight = TextCount.Of(text, TextUnit.Weighted);
        Assert.InRange(weight, TextCount.Of(text.Normalize(), TextUnit.Graphemes),
            2 * TextCount.Of(text.Normalize(), TextUnit.CodePoints));
    });

    [Theory]
    [InlineData("Hi http://test.co", 26)]
    [InlineData("Hi test.co", 26)]
    [InlineData("Hi test.notatld", 15)]
    [InlineData("xtest.co@test.co", 16)]
    [InlineData("https://example.com/x). And", 29)]
    [InlineData("H🐱☺👨‍👩‍👧‍👦", 7)]
    [InlineData("😷👾😡🔥💩", 10)]
    [InlineData("🙋🏽👨‍🎤", 4)]
    [InlineData("1⃣", 2)]
    [InlineData("©️ ™️", 5)]
    [InlineData("A\u0301B", 2)]
    public void A_post_at_X_weighs_what_its_vectors_say(string text, int weight) => Assert.Equal(weight, TextCount.Of(text,
        new ProviderRules(280, TextUnit.Weighted, 23, false, 4, false, 0, false, true) { NamesCountAsUrls = true }));

    [Fact]
    public void A_hundred_and_forty_characters_of_Chinese_fill_a_post_at_X() =>
        Assert.Equal(280, TextCount.Of(new string('文', 140), TextUnit.Weighted));

    [Theory]
    [InlineData("See https://example.com/a/very/long/address.", 28)]
    [InlineData("@ann@mastodon.example hi", 7)]
    [InlineData("👨‍👩‍👧‍👦 example.com", 13)]
    public void A_status_at_Mastodon_counts_links_and_far_people_short(string text, int count) => Assert.Equal(count, TextCount.Of(text,
        new ProviderRules(500, TextUnit.Graphemes, 23, false, 4, false, 0, false, true) { FarMentionsCountAsNear = true }));

    [Fact]
    public void Emoji_as_bytes_count_no_less_than_points_and_no_more_than_bytes() => _texts.Sample(text => Assert.InRange(
        TextCount.Of(text, TextUnit.EmojiAsBytes), TextCount.Of(text, TextUnit.CodePoints), TextCount.Of(text, TextUnit.Utf8Bytes)));

    [Fact]
    public void A_url_costs_its_fixed_price_however_long_it_is() =>
        Gen.Select(Gen.Char.AlphaNumeric.Array[1, 200], Gen.Int[1, 50]).Sample((path, price) =>
        {
            var rules = new ProviderRules(500, TextUnit.Weighted, price, true, 0, false, 0, false, false);
            Assert.Equal(price, TextCount.Of($"https://example.com/{string.Concat(path)}", rules));
            Assert.Equal(price + 4, TextCount.Of($"See https://example.com/{string.Concat(path)}", rules));
        });
}
