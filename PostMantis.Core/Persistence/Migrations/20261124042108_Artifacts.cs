using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Artifacts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "artifacts",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    test_mode = table.Column<bool>(type: "boolean", nullable: false),
                    status = table.Column<string>(type: "text", nullable: false),
                    file_name = table.Column<string>(type: "text", nullable: false),
                    claimed_type = table.Column<string>(type: "text", nullable: true),
                    claimed_bytes = table.Column<long>(type: "bigint", nullable: false),
                    source_url = table.Column<string>(type: "text", nullable: true),
                    facts = table.Column<string>(type: "jsonb", nullable: true),
                    error = table.Column<string>(type: "jsonb", nullable: true),
                    size_bytes = table.Column<long>(type: "bigint", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_artifacts", x => x.id);
                    table.CheckConstraint("ck_artifacts_bytes", "claimed_bytes >= 0 AND size_bytes >= 0");
                    table.CheckConstraint("ck_artifacts_failed", "(status = 'failed') = (error IS NOT NULL)");
                    table.CheckConstraint("ck_artifacts_importing", "(status = 'importing') = (source_url IS NOT NULL)");
                    table.CheckConstraint("ck_artifacts_verified", "(status = 'verified') = (facts IS NOT NULL)");
                    table.ForeignKey(
                        name: "fk_artifacts_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "artifact_uses",
                columns: table => new
                {
                    artifact_id = table.Column<Guid>(type: "uuid", nullable: false),
                    post_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_artifact_uses", x => new { x.artifact_id, x.post_id });
                    table.ForeignKey(
                        name: "fk_artifact_uses_artifacts_artifact_id",
                        column: x => x.artifact_id,
                        principalTable: "artifacts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_artifact_uses_posts_post_id",
                        column: x => x.post_id,
                        principalTable: "posts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_artifact_uses_post_id",
                table: "artifact_uses",
                column: "post_id");

            migrationBuilder.CreateIndex(
                name: "ix_artifacts_expires_at",
                table: "artifacts",
                column: "expires_at",
                filter: "status IN ('reserved', 'importing')");

            migrationBuilder.CreateIndex(
                name: "ix_artifacts_user_id_id",
                table: "artifacts",
                columns: new[] { "user_id", "id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "artifact_uses");

            migrationBuilder.DropTable(
                name: "artifacts");
        }
    }
}
