using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class WebhookFirstTries : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "first_try",
                table: "webhook_messages",
                type: "json",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "first_try_at",
                table: "webhook_messages",
                type: "timestamp with time zone",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "first_try",
                table: "webhook_messages");

            migrationBuilder.DropColumn(
                name: "first_try_at",
                table: "webhook_messages");
        }
    }
}
