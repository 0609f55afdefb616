using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace PostMantis.Core.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class AuditMonths : Migration
    {
        // Another table of the same name and columns, so that versions before run on it. Ids rise with time, so months are
        // ranges of ids. What is there stays where it lies and becomes the part that ends with this month: it is read once,
        // not written, while others wait.
        private const string ByMonth = """
            ALTER TABLE audit_entries RENAME CONSTRAINT pk_audit_entries TO pk_audit_entries_before;
            ALTER INDEX ix_audit_entries_post_id_id RENAME TO ix_audit_entries_before_post_id_id;
            ALTER TABLE audit_entries RENAME TO audit_entries_before;
            CREATE TABLE audit_entries (LIKE audit_entries_before INCLUDING DEFAULTS,
                CONSTRAINT pk_audit_entries PRIMARY KEY (user_id, id)) PARTITION BY RANGE (id);
            CREATE INDEX ix_audit_entries_post_id_id ON audit_entries (post_id, id) WHERE post_id IS NOT NULL;
            CREATE TABLE audit_entries_default PARTITION OF audit_entries DEFAULT;
            DO $$
            DECLARE
                first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
                month timestamp := first;
                lowest text;
                next text;
                part text;
            BEGIN
                IF EXISTS (SELECT FROM audit_entries_before) THEN
                    month := first + interval '1 month';
                    lowest := lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20);
                    part := 'audit_entries_before_' || to_char(month, 'YYYY_MM');
                    EXECUTE format('ALTER TABLE audit_entries_before RENAME TO %I', part);
                    BEGIN
                        EXECUTE format('ALTER TABLE audit_entries ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', part, lowest);
                    EXCEPTION WHEN check_violation THEN
                        -- Written by a clock that was far ahead.
                        EXECUTE format('WITH ahead AS (DELETE FROM %I WHERE id >= %L RETURNING *) INSERT INTO audit_entries SELECT * FROM ahead',
                            part, lowest);
                        EXECUTE format('ALTER TABLE audit_entries ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', part, lowest);
                    END;
                ELSE
                    DROP TABLE audit_entries_before;
                END IF;
                WHILE month < first + interval '3 months' LOOP
                    lowest := lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20);
                    next := lpad(to_hex((extract(epoch FROM month + interval '1 month') * 1000)::bigint), 12, '0') || repeat('0', 20);
                    part := 'audit_entries_' || to_char(month, 'YYYY_MM');
                    EXECUTE format('CREATE TABLE %I (LIKE audit_entries)', part);
                    EXECUTE format('WITH ahead AS (DELETE FROM audit_entries_default WHERE id >= %L AND id < %L RETURNING *) INSERT INTO %I SELECT * FROM ahead',
                        lowest, next, part);
                    EXECUTE format('ALTER TABLE audit_entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, lowest, next);
                    month := month + interval '1 month';
                END LOOP;
            END $$;
            """;

        private const string InOne = """
            ALTER TABLE audit_entries RENAME TO audit_entries_by_month;
            ALTER TABLE audit_entries_by_month RENAME CONSTRAINT pk_audit_entries TO pk_audit_entries_by_month;
            ALTER INDEX ix_audit_entries_post_id_id RENAME TO ix_audit_entries_by_month_post_id_id;
            CREATE TABLE audit_entries (LIKE audit_entries_by_month INCLUDING DEFAULTS,
                CONSTRAINT pk_audit_entries PRIMARY KEY (user_id, id));
            CREATE INDEX ix_audit_entries_post_id_id ON audit_entries (post_id, id) WHERE post_id IS NOT NULL;
            INSERT INTO audit_entries SELECT * FROM audit_entries_by_month;
            DROP TABLE audit_entries_by_month;
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "audit_anchors",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    last_id = table.Column<Guid>(type: "uuid", nullable: false),
                    entries = table.Column<long>(type: "bigint", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    before = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    seal = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audit_anchors", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_audit_anchors_user_id",
                table: "audit_anchors",
                column: "user_id",
                unique: true);

            migrationBuilder.Sql(ByMonth);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "audit_anchors");

            migrationBuilder.Sql(InOne);
        }
    }
}
