using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class ContentKeys : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_deliveries_profile_id_content_hash_created_at",
                table: "deliveries");

            migrationBuilder.DropIndex(
                name: "ix_deliveries_profile_id_provider_post_id",
                table: "deliveries");

            migrationBuilder.AddColumn<long>(
                name: "content_key",
                table: "deliveries",
                type: "bigint",
                nullable: false,
                computedColumnSql: "('x' || left(encode(sha256(uuid_send(profile_id) || content_hash), 'hex'), 16))::bit(64)::bigint",
                stored: true);

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_content_key",
                table: "deliveries",
                column: "content_key");

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_profile_id_provider_post_id",
                table: "deliveries",
                columns: new[] { "profile_id", "provider_post_id" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_unknown",
                table: "deliveries",
                column: "profile_id",
                filter: "status = 'unknown'");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_deliveries_content_key",
                table: "deliveries");

            migrationBuilder.DropIndex(
                name: "ix_deliveries_profile_id_provider_post_id",
                table: "deliveries");

            migrationBuilder.DropIndex(
                name: "ix_deliveries_unknown",
                table: "deliveries");

            migrationBuilder.DropColumn(
                name: "content_key",
                table: "deliveries");

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_profile_id_content_hash_created_at",
                table: "deliveries",
                columns: new[] { "profile_id", "content_hash", "created_at" });

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_profile_id_provider_post_id",
                table: "deliveries",
                columns: new[] { "profile_id", "provider_post_id" },
                unique: true,
                filter: "provider_post_id IS NOT NULL");
        }
    }
}
