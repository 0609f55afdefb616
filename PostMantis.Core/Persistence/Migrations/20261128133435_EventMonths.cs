using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <summary>Older versions name the ids of webhook messages and attempts by keys that are gone.</summary>
    [Contracts("20261128133435_EventMonths")]
    public partial class EventMonths : Migration
    {
        // Ids rise with time, so months are ranges of ids; what fits none lies in the default partition. What is there
        // moves at once: later it would move while others write.
        private const string ByMonth = """
            ALTER TABLE events RENAME CONSTRAINT pk_events TO pk_events_before;
            ALTER INDEX ix_events_post_id_id RENAME TO ix_events_before_post_id_id;
            ALTER TABLE events RENAME TO events_before;
            CREATE TABLE events (
                id uuid NOT NULL,
                user_id uuid NOT NULL,
                type text NOT NULL,
                test_mode boolean NOT NULL,
                post_id uuid,
                delivery_id uuid,
                profile_id uuid,
                provider text,
                data json NOT NULL,
                traceparent text,
                created_at timestamp with time zone NOT NULL,
                CONSTRAINT pk_events PRIMARY KEY (id)) PARTITION BY RANGE (id);
            CREATE INDEX ix_events_post_id_id ON events (post_id, id) WHERE post_id IS NOT NULL;
            CREATE TABLE events_default PARTITION OF events DEFAULT;
            DO $$
            DECLARE
                first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
                last timestamp := first + interval '3 months';
                month timestamp := first;
            BEGIN
                SELECT least(first, date_trunc('month', min(created_at) AT TIME ZONE 'UTC')) INTO month FROM events_before;
                WHILE month < last LOOP
                    EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                        'events_' || to_char(month, 'YYYY_MM'),
                        lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20),
                        lpad(to_hex((extract(epoch FROM month + interval '1 month') * 1000)::bigint), 12, '0') || repeat('0', 20));
                    month := month + interval '1 month';
                END LOOP;
            END $$;
            INSERT INTO events (id, user_id, type, test_mode, post_id, delivery_id, profile_id, provider, data, traceparent,
                created_at)
            SELECT id, user_id, type, test_mode, post_id, delivery_id, profile_id, provider, data::text::json, traceparent,
                created_at FROM events_before;
            DROP TABLE events_before;
            """;

        private const string InOne = """
            ALTER TABLE events RENAME TO events_by_month;
            ALTER TABLE events_by_month RENAME CONSTRAINT pk_events TO pk_events_by_month;
            ALTER INDEX ix_events_post_id_id RENAME TO ix_events_by_month_post_id_id;
            CREATE TABLE events (LIKE events_by_month INCLUDING DEFAULTS, CONSTRAINT pk_events PRIMARY KEY (id));
            ALTER TABLE events ALTER COLUMN data TYPE jsonb USING data::text::jsonb;
            CREATE INDEX ix_events_post_id_id ON events (post_id, id) WHERE post_id IS NOT NULL;
            INSERT INTO events SELECT id, user_id, type, test_mode, post_id, delivery_id, profile_id, provider,
                data::text::jsonb, traceparent, created_at FROM events_by_month;
            DROP TABLE events_by_month;
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropPrimaryKey(
                name: "pk_webhook_messages",
                table: "webhook_messages");

            migrationBuilder.DropIndex(
                name: "ix_webhook_messages_endpoint_id_id",
                table: "webhook_messages");

            migrationBuilder.DropPrimaryKey(
                name: "pk_webhook_attempts",
                table: "webhook_attempts");

            migrationBuilder.DropIndex(
                name: "ix_webhook_attempts_message_id_id",
                table: "webhook_attempts");

            migrationBuilder.Sql(ByMonth);

            migrationBuilder.AddPrimaryKey(
                name: "pk_webhook_messages",
                table: "webhook_messages",
                columns: new[] { "endpoint_id", "id" });

            migrationBuilder.AddPrimaryKey(
                name: "pk_webhook_attempts",
                table: "webhook_attempts",
                columns: new[] { "message_id", "id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropPrimaryKey(
                name: "pk_webhook_messages",
                table: "webhook_messages");

            migrationBuilder.DropPrimaryKey(
                name: "pk_webhook_attempts",
                table: "webhook_attempts");

            migrationBuilder.Sql(InOne);

            migrationBuilder.AddPrimaryKey(
                name: "pk_webhook_messages",
                table: "webhook_messages",
                column: "id");

            migrationBuilder.AddPrimaryKey(
                name: "pk_webhook_attempts",
                table: "webhook_attempts",
                column: "id");

            migrationBuilder.CreateIndex(
                name: "ix_webhook_messages_endpoint_id_id",
                table: "webhook_messages",
                columns: new[] { "endpoint_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_webhook_attempts_message_id_id",
                table: "webhook_attempts",
                columns: new[] { "message_id", "id" });
        }
    }
}
