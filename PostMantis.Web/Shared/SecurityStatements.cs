namespace PostMantis.Web.Shared;

/// <summary>A statement about security, and the tests that fail when it stops being true.</summary>
/// <param name="Tests">Class and method, as <c>Room.Class.Method</c> below the tests' root.</param>
public sealed record SecurityStatement(string Id, string Text, params string[] Tests);

/// <summary>What the page <c>/security</c> says. A test looks for every named test.</summary>
public static class SecurityStatements
{
    public static IReadOnlyList<SecurityStatement> All { get; } =
    [
        new("S1", "Access and refresh tokens of networks are sealed with AES-256-GCM before they are stored. They are opened in memory only to publish or to renew them, and no answer of the public API contains them.",
            "Vault.VaultTests.A_value_moved_to_another_row_column_table_or_user_does_not_open_and_says_where",
            "Vault.VaultTests.An_opened_secret_neither_prints_nor_serialises_and_is_gone_after_use",
            "Connections.ConnectionTests.The_whole_trip_yields_the_chosen_profiles_and_leaves_no_credential_behind",
            "Architecture.ReferenceRuleTests.Sealed_secrets_are_opened_by_what_publishes_renews_or_signs_and_by_nothing_that_answers",
            "Workers.TraceTests.One_trace_leads_from_the_request_over_a_killed_process_to_the_receiver_and_no_secret_is_told"),
        new("S2", "What a network hands over while an account is being connected is kept on the server alone, and erased when the trip ends or expires.",
            "Connections.ConnectionTests.A_trip_that_takes_too_long_expires_and_its_credentials_go",
            "Connections.ConnectionTests.A_denial_cancels_and_a_forged_code_fails_and_both_leave_nothing"),
        new("S3", "Signing secrets of webhooks are sealed, shown once, and in no listing.",
            "Webhooks.WebhookEndpointTests.A_secret_is_shown_once_and_stands_nowhere_in_the_clear",
            "Web.WebhookPageTests.An_endpoint_lives_its_life_in_the_pages"),
        new("S4", "In production the dashboard and the API have an https address, or the process does not start; cookies are then secure, and browsers are told to stay on https. A webhook's address must be https.",
            "Access.ProductionStartTests.Production_refuses_to_start_with_a_plain_http_address",
            "Access.SessionTests.Behind_https_cookies_are_secure_and_browsers_are_told_to_stay_there",
            "Webhooks.WebhookSendTests.A_private_address_is_refused_when_an_endpoint_is_made_and_at_every_connection"),
        new("S5", "Programs come with bearer keys of one user, people sign in to the dashboard; neither opens what is the other's.",
            "Access.SessionTests.A_cookie_opens_no_API_and_a_key_opens_no_page",
            "Http.ApiConventionTests.A_revoked_or_expired_or_altered_key_is_refused"),
        new("S6", "Keys, profiles and posts belong to one user; nobody else sees or reaches them, in the API or the dashboard.",
            "Http.ScopeMatrixTests.Every_operation_answers_every_key_as_its_rule_says",
            "Web.AccessMatrixTests.Nothing_of_another_is_seen_or_reached_on_any_route"),
        new("S7", "Keys and webhook destinations are made and changed by people in the dashboard; the public API has no call that does.",
            "Access.ApiKeyTests.A_key_makes_lists_and_revokes_no_keys",
            "Web.PublicPageTests.The_public_API_has_no_call_that_changes_keys_or_webhooks"),
        new("S8", "Creating a post takes an idempotency key: the same request twice makes one post.",
            "Http.ProgramTests.The_same_key_fifty_times_at_once_gives_one_post",
            "Workers.CrashMatrixTests.Killed_there_nothing_is_lost_or_doubled_and_the_ledger_says_why"),
        new("S9", "Publishing happens in workers inside the same process, never in the request that asked for it.",
            "Deliveries.PostOperationsTests.A_post_for_now_is_scheduled_with_a_work_item_for_each_delivery"),
        new("S10", "Creating and publishing are accepted, not done, when they are answered: what was accepted is stored.",
            "Deliveries.PostOperationsTests.A_post_for_now_is_scheduled_with_a_work_item_for_each_delivery",
            "Workers.CrashMatrixTests.Killed_there_nothing_is_lost_or_doubled_and_the_ledger_says_why"),
        new("S11", "States of deliveries and audit entries are rows in Postgres, written with the change they tell of.",
            "Audit.AuditTests.An_entry_lives_and_dies_with_the_change_it_tells_of",
            "Workers.CrashMatrixTests.Killed_there_nothing_is_lost_or_doubled_and_the_ledger_says_why"),
        new("S12", "A loop inside the process looks for work that was left behind and puts the queue right.",
            "Deliveries.RecoveryTests.Pending_work_without_an_item_gets_one",
            "Deliveries.RecoveryTests.An_item_whose_work_is_settled_goes"),
        new("S13", "Webhooks are signed and sent by the same durable runtime.",
            "Webhooks.WebhookSignatureTests.Public_packages_verify_real_requests",
            "Webhooks.WebhookSendTests.A_receiver_that_was_down_for_a_day_gets_every_event_once"),
        new("S14", "Accounts are connected in the dashboard; posts come from the dashboard or the API and go to the connected accounts.",
            "Web.JourneyTests.A_person_sets_up_connects_makes_a_key_and_sees_a_post_on_the_network"),
        new("S15", "Of a network account we keep who it is, where it may publish, the grant, and what became of posts. There is no place for messages or followers.",
            "Web.PublicPageTests.Of_a_network_account_nothing_is_kept_that_the_privacy_page_does_not_name"),
        new("S16", "The asynchronous workflow, the states and the webhook contract are documented on this instance, with a guide to the life of a post, a privacy page, and a way to report weaknesses.",
            "Http.DocumentTests.An_instance_serves_its_pages_and_every_link_of_llms_txt_answers",
            "Web.PublicPageTests.Public_pages_say_who_runs_the_instance_or_that_nobody_said_so"),
    ];
}
