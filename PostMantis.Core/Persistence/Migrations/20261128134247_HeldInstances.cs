using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class HeldInstances : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "cluster",
                table: "instance_state",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "hold_reason",
                table: "instance_state",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "known_until",
                table: "instance_state",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "seen_at",
                table: "instance_state",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "timeline",
                table: "instance_state",
                type: "text",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "cluster",
                table: "instance_state");

            migrationBuilder.DropColumn(
                name: "hold_reason",
                table: "instance_state");

            migrationBuilder.DropColumn(
                name: "known_until",
                table: "instance_state");

            migrationBuilder.DropColumn(
                name: "seen_at",
                table: "instance_state");

            migrationBuilder.DropColumn(
                name: "timeline",
                table: "instance_state");
        }
    }
}
