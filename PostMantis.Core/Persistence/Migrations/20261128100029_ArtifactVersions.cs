using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class ArtifactVersions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "artifact_versions",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    artifact_id = table.Column<Guid>(type: "uuid", nullable: false),
                    recipe = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false),
                    facts = table.Column<string>(type: "jsonb", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_artifact_versions", x => x.id);
                    table.ForeignKey(
                        name: "fk_artifact_versions_artifacts_artifact_id",
                        column: x => x.artifact_id,
                        principalTable: "artifacts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_artifact_versions_artifact_id_recipe",
                table: "artifact_versions",
                columns: new[] { "artifact_id", "recipe" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_artifact_versions_created_at",
                table: "artifact_versions",
                column: "created_at");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "artifact_versions");
        }
    }
}
