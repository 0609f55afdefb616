using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class LaneIndex : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_work_items_busy",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_work_items_lane_leased",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_work_items_waiting",
                table: "work_items");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_busy",
                table: "work_items",
                columns: new[] { "user_id", "lane" },
                unique: true,
                filter: "state IN ('ready', 'leased')");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_waiting",
                table: "work_items",
                columns: new[] { "kind", "pool", "run_at", "id" },
                filter: "state = 'waiting'");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_work_items_busy",
                table: "work_items");

            migrationBuilder.DropIndex(
                name: "ix_work_items_waiting",
                table: "work_items");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_busy",
                table: "work_items",
                columns: new[] { "user_id", "lane" },
                filter: "state IN ('ready', 'leased')");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_lane_leased",
                table: "work_items",
                column: "lane",
                unique: true,
                filter: "lease_token IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_work_items_waiting",
                table: "work_items",
                columns: new[] { "kind", "run_at", "id" },
                filter: "state = 'waiting'");
        }
    }
}
