using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class HotPaths : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropForeignKey(
                name: "fk_attempts_deliveries_delivery_id",
                table: "attempts");

            migrationBuilder.DropIndex(
                name: "ix_work_items_leases",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_work_items_ready",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_work_items_worker_id",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_posts_accepted_by_id_accepted_at",
                table: "posts");

            migrationBuilder.DropIndex(
                name: "ix_posts_open_walk",
                table: "posts");

            migrationBuilder.DropIndex(
                name: "ix_events_user_id_sequence",
                table: "events");

            migrationBuilder.DropPrimaryKey(
                name: "pk_audit_entries",
                table: "audit_entries");

            migrationBuilder.DropIndex(
                name: "ix_audit_entries_user_id_id",
                table: "audit_entries");

            migrationBuilder.AddColumn<string>(
                name: "pool",
                table: "work_items",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<bool>(
                name: "is_capped",
                table: "posts",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddPrimaryKey(
                name: "pk_audit_entries",
                table: "audit_entries",
                columns: new[] { "user_id", "id" });

            migrationBuilder.CreateTable(
                name: "event_numbers",
                columns: table => new
                {
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    sequence = table.Column<long>(type: "bigint", nullable: false),
                    event_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_event_numbers", x => new { x.user_id, x.sequence });
                });

            migrationBuilder.CreateTable(
                name: "unnumbered_events",
                columns: table => new
                {
                    position = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    event_id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_unnumbered_events", x => x.position);
                });

            migrationBuilder.CreateIndex(
                name: "ix_work_items_queued_due",
                table: "work_items",
                columns: new[] { "kind", "user_id", "run_at", "id" },
                filter: "state = 'queued'");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_ready",
                table: "work_items",
                columns: new[] { "kind", "pool", "run_at", "id" },
                filter: "state = 'ready'");

            migrationBuilder.CreateIndex(
                name: "ix_posts_accepted_by_id_accepted_at",
                table: "posts",
                columns: new[] { "accepted_by_id", "accepted_at" },
                filter: "is_capped");

            migrationBuilder.CreateIndex(
                name: "ix_posts_open_walk",
                table: "posts",
                column: "id",
                filter: "accepted_at IS NOT NULL AND completed_at IS NULL AND canceled_at IS NULL");

            migrationBuilder.Sql("""
                INSERT INTO event_numbers (user_id, sequence, event_id)
                    SELECT user_id, sequence, id FROM events WHERE sequence IS NOT NULL;
                INSERT INTO unnumbered_events (event_id, user_id)
                    SELECT id, user_id FROM events WHERE sequence IS NULL ORDER BY position;
                UPDATE work_items w SET pool = d.provider FROM deliveries d WHERE w.kind = 'publish' AND d.id = w.key;
                UPDATE posts SET is_capped = true WHERE accepted_by_id IN (
                    SELECT id FROM api_keys WHERE rules ->> 'dailyCap' IS NOT NULL);
                ALTER TABLE events DROP COLUMN position;
                """);

            migrationBuilder.DropColumn(
                name: "sequence",
                table: "events");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("ALTER TABLE events ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;");

            migrationBuilder.DropTable(
                name: "event_numbers");

            migrationBuilder.DropTable(
                name: "unnumbered_events");

            migrationBuilder.DropIndex(
                name: "ix_work_items_queued_due",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_work_items_ready",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_posts_accepted_by_id_accepted_at",
                table: "posts");

            migrationBuilder.DropIndex(
                name: "ix_posts_open_walk",
                table: "posts");

            migrationBuilder.DropPrimaryKey(
                name: "pk_audit_entries",
                table: "audit_entries");

            migrationBuilder.DropColumn(
                name: "pool",
                table: "work_items");

            migrationBuilder.DropColumn(
                name: "is_capped",
                table: "posts");

            migrationBuilder.AddColumn<long>(
                name: "sequence",
                table: "events",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddPrimaryKey(
                name: "pk_audit_entries",
                table: "audit_entries",
                column: "id");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_leases",
                table: "work_items",
                column: "lease_expires_at",
                filter: "lease_token IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_ready",
                table: "work_items",
                columns: new[] { "kind", "run_at", "id" },
                filter: "state = 'ready'");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_worker_id",
                table: "work_items",
                column: "worker_id",
                filter: "worker_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_posts_accepted_by_id_accepted_at",
                table: "posts",
                columns: new[] { "accepted_by_id", "accepted_at" },
                filter: "accepted_by_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_posts_open_walk",
                table: "posts",
                column: "id",
                filter: "status IN ('pending', 'scheduled', 'publishing')");

            migrationBuilder.CreateIndex(
                name: "ix_events_user_id_sequence",
                table: "events",
                columns: new[] { "user_id", "sequence" },
                unique: true,
                filter: "sequence IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_audit_entries_user_id_id",
                table: "audit_entries",
                columns: new[] { "user_id", "id" });

            migrationBuilder.AddForeignKey(
                name: "fk_attempts_deliveries_delivery_id",
                table: "attempts",
                column: "delivery_id",
                principalTable: "deliveries",
                principalColumn: "id",
                onDelete: ReferentialAction.Cascade);
        }
    }
}
