using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class WebhookKeyRoom : Migration
    {
        // Every message is written twice, waiting and delivered, and each time its key has an entry: pages of the index that
        // were filled by the first are all split by the second. New months are made like the default one.
        private const string SetRoom = """
            DO $$
            DECLARE
                key regclass;
            BEGIN
                FOR key IN SELECT i.indexrelid FROM pg_inherits h JOIN pg_index i ON i.indrelid = h.inhrelid AND i.indisprimary
                    WHERE h.inhparent = 'webhook_messages'::regclass
                LOOP
                    EXECUTE format('ALTER INDEX %s {0}', key);
                END LOOP;
            END $$;
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) =>
            migrationBuilder.Sql(SetRoom.Replace("{0}", "SET (fillfactor = 45)"));

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) =>
            migrationBuilder.Sql(SetRoom.Replace("{0}", "RESET (fillfactor)"));
    }
}
