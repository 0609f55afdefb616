using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class EventPositions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_events_unnumbered",
                table: "events");

            // Given while the writer holds the row it changed, so it tells the order in which changes of one thing were
            // committed; ids tell only what the writers' clocks said. Postgres' alone: no entity carries it.
            migrationBuilder.Sql("""
                ALTER TABLE events ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
                CREATE INDEX ix_events_unnumbered ON events (position) WHERE sequence IS NULL;
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("""
                DROP INDEX ix_events_unnumbered;
                ALTER TABLE events DROP COLUMN position;
                """);
            migrationBuilder.CreateIndex(
                name: "ix_events_unnumbered",
                table: "events",
                column: "id",
                filter: "sequence IS NULL");
        }
    }
}
