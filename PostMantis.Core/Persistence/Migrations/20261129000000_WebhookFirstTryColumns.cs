using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class WebhookFirstTryColumns : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "first_try_ms",
                table: "webhook_messages",
                type: "integer",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "first_try_traceparent",
                table: "webhook_messages",
                type: "text",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "first_try_ms",
                table: "webhook_messages");

            migrationBuilder.DropColumn(
                name: "first_try_traceparent",
                table: "webhook_messages");
        }
    }
}
