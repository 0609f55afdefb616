using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class PersonViews : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "can_renew",
                table: "connections",
                type: "boolean",
                nullable: false,
                defaultValue: true);

            migrationBuilder.CreateIndex(
                name: "ix_posts_for_person",
                table: "posts",
                columns: new[] { "user_id", "updated_at", "id" },
                filter: "needs_attention OR status = 'awaiting_approval' OR outcome IN ('failed', 'partial')");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_posts_for_person",
                table: "posts");

            migrationBuilder.DropColumn(
                name: "can_renew",
                table: "connections");
        }
    }
}
