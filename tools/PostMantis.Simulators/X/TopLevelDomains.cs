namespace PostMantis.Simulators.X;

/// <summary>The endings that make a bare name a link: every country's and the general ones in wide use.</summary>
internal static class TopLevelDomains
{
    private const string Countries =
        "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca "
        + "cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm "
        + "fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir "
        + "is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk "
        + "ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl "
        + "pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc "
        + "td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";

    private const string General =
        "academy agency app art arpa asia auto band bank bar beer best bet bid bike bio biz black blog blue boats bot "
        + "build buzz cab cafe camera camp capital care cash casino cat center chat church city click clinic cloud "
        + "club coach codes coffee com community company computer consulting cool coop coupons credit dance date "
        + "dating day deals design dev digital direct directory dog domains download eco edu education email energy "
        + "events exchange expert express fail family fan farm fashion film finance fish fit fm foo football forsale "
        + "foundation fun fund fyi gallery game games garden gift gives global gold golf goo gov graphics green group "
        + "guide guru health help host hosting house how info ink institute int international investments jobs kim "
        + "kitchen land law legal life link live loan lol london love ltd luxe market marketing mba media men menu "
        + "mil mobi moda moe money movie museum name net network new news ngo ninja nyc one onl online org page "
        + "paris partners parts party pet photo photography photos pics pink pizza place plus porn press pro "
        + "productions properties pub quest radio recipes red rent repair report rest review reviews rip rocks run "
        + "sale school science services sex shop shopping show site ski social software solar solutions space sport "
        + "store stream studio style support surf systems tax team tech tel theater tips tires today tokyo tools top "
        + "tours town toys trade training travel tube university uno vacations ventures vet video vip vision vote "
        + "watch webcam website wedding wiki win wine work works world wtf xxx xyz yoga zone";

    private static readonly HashSet<string> Known =
        [.. Countries.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. General.Split(' ')];

    /// <summary>Whether the last part of a name is one.</summary>
    public static bool Knows(string ending) => Known.Contains(ending.ToLowerInvariant());
}
