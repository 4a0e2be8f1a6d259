//! Memberships, the functions over them, and Better Auth's own members.

use anyhow::Result;

use crate::rls_support::Sandbox;

async fn org_ids(sandbox: &Sandbox, user: &str, argument: &str) -> Result<String> {
    Ok(sandbox
        .as_user(user, &format!("SELECT insforge.org_ids({argument})"))
        .await?[0][0]
        .clone())
}

#[tokio::test]
async fn only_active_and_current_memberships_count() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "INSERT INTO insforge.memberships (issuer, user_id, org_id, role, permissions, active, valid_until) VALUES
               ('i', 'ada', 'acme', 'admin', '{pay}', true, NULL), ('i', 'ada', 'ended', 'admin', '{pay}', false, NULL),
               ('i', 'ada', 'lapsed', 'admin', '{pay}', true, now() - interval '1 s'),
               ('i', 'ada', 'current', 'editor,viewer', '{}', true, now() + interval '1 h'),
               ('i', 'bob', 'other', 'admin', '{pay}', true, NULL)",
        )
        .await?;
    assert_eq!(org_ids(&sandbox, "ada", "").await?, "{acme,current}");
    assert_eq!(org_ids(&sandbox, "ada", "'{admin}'").await?, "{acme}");
    assert_eq!(org_ids(&sandbox, "ada", "'{viewer,owner}'").await?, "{current}");
    assert_eq!(org_ids(&sandbox, "ada", "'{}'").await?, "{}");
    assert_eq!(org_ids(&sandbox, "eve", "").await?, "{}");
    let answers = "SELECT insforge.org_role('acme'), insforge.org_role('ended'), insforge.org_role(NULL),
      insforge.has_permission('acme', 'pay'), insforge.has_permission('lapsed', 'pay'),
      insforge.has_permission('other', 'pay'),
      insforge.has_permission(NULL, NULL)";
    assert_eq!(
        sandbox.as_user("ada", answers).await?,
        [["admin", "", "", "t", "f", "f", "f"]]
    );
    assert_eq!(
        sandbox.one("SELECT insforge.org_ids()").await?,
        "{}",
        "nobody is asking"
    );
    Ok(())
}

#[tokio::test]
async fn the_current_organisation_is_that_of_the_latest_token_and_never_a_guess() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let current = "SELECT insforge.org_id()";
    assert_eq!(sandbox.as_user("ada", current).await?, [[""]]);
    sandbox
        .run("INSERT INTO insforge.memberships (issuer, user_id, org_id) VALUES ('i', 'ada', 'only')")
        .await?;
    assert_eq!(sandbox.as_user("ada", current).await?, [["only"]]);
    sandbox
        .run("INSERT INTO insforge.memberships (issuer, user_id, org_id) VALUES ('i', 'ada', 'second')")
        .await?;
    assert_eq!(
        sandbox.as_user("ada", current).await?,
        [[""]],
        "two, and no token says which"
    );
    sandbox
        .run("SELECT insforge.record_membership('i', 'ada', 'second', token_iat => 100)")
        .await?;
    assert_eq!(sandbox.as_user("ada", current).await?, [["second"]]);
    sandbox
        .run("SELECT insforge.record_membership('i', 'ada', 'only', token_iat => 101)")
        .await?;
    assert_eq!(sandbox.as_user("ada", current).await?, [["only"]]);
    Ok(())
}

#[tokio::test]
async fn an_older_token_cannot_overwrite_and_an_ended_membership_stays_ended() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let record = |rest: &str| format!("SELECT insforge.record_membership('i', 'ada', 'acme', {rest})");
    assert_eq!(sandbox.one(&record("'admin', token_iat => 100")).await?, "t");
    assert_eq!(sandbox.one(&record("'owner', token_iat => 99")).await?, "f");
    assert_eq!(sandbox.one(&record("'member', token_iat => 100")).await?, "t");
    assert_eq!(
        sandbox
            .one(&record("'member', token_iat => 200, active => false"))
            .await?,
        "t"
    );
    assert_eq!(sandbox.one(&record("'member', token_iat => 200")).await?, "f");
    assert_eq!(org_ids(&sandbox, "ada", "").await?, "{}");
    assert_eq!(sandbox.one(&record("'viewer', token_iat => 201")).await?, "t");
    assert_eq!(org_ids(&sandbox, "ada", "'{viewer}'").await?, "{acme}");
    assert_eq!(
        sandbox
            .refusal("SELECT insforge.record_membership('i', NULL, 'acme')")
            .await?
            .code,
        "22004"
    );
    Ok(())
}

#[tokio::test]
async fn a_membership_that_ends_hides_the_rows_from_the_next_statement_on() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run("CREATE TABLE papers (id int PRIMARY KEY, org_id text)")
        .await?;
    sandbox.create("papers", "org", "{}").await?;
    sandbox
        .run(
            "INSERT INTO papers VALUES (1, 'acme');
             SELECT insforge.record_membership('i', 'ada', 'acme', token_iat => 1)",
        )
        .await?;
    let count = "SELECT count(*) FROM papers";
    assert_eq!(sandbox.as_user("ada", count).await?, [["1"]]);
    let reader = sandbox.db.client().await?;
    reader
        .batch_execute("BEGIN; SELECT insforge.impersonate('ada')")
        .await?;
    assert_eq!(reader.query_one(count, &[]).await?.get::<_, i64>(0), 1);
    sandbox
        .run("SELECT insforge.record_membership('i', 'ada', 'acme', active => false)")
        .await?;
    assert_eq!(reader.query_one(count, &[]).await?.get::<_, i64>(0), 0);
    Ok(())
}

#[tokio::test]
async fn a_membership_lapses_within_a_transaction_that_is_kept_open() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let reader = sandbox.db.client().await?;
    reader
        .batch_execute("BEGIN; SELECT insforge.impersonate('ada')")
        .await?;
    // It lapsed after the transaction began, which is where now() stands still.
    sandbox
        .run(
            "INSERT INTO insforge.memberships (issuer, user_id, org_id, valid_until)
             VALUES ('i', 'ada', 'acme', clock_timestamp())",
        )
        .await?;
    let row = reader.query_one("SELECT insforge.org_ids()", &[]).await?;
    assert_eq!(row.get::<_, Vec<String>>(0), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn roles_are_compared_whole_with_the_spaces_within_them() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "INSERT INTO insforge.memberships (issuer, user_id, org_id, role) VALUES
               ('i', 'ada', 'acme', ' editor , org admin')",
        )
        .await?;
    assert_eq!(org_ids(&sandbox, "ada", "'{org admin}'").await?, "{acme}");
    assert_eq!(org_ids(&sandbox, "ada", "'{editor}'").await?, "{acme}");
    assert_eq!(org_ids(&sandbox, "ada", "'{orgadmin}'").await?, "{}");
    assert_eq!(org_ids(&sandbox, "ada", "'{admin}'").await?, "{}");
    Ok(())
}

#[tokio::test]
async fn policies_ask_for_the_organisations_once_and_use_the_index() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE big (id int PRIMARY KEY, org_id text, body text);
             INSERT INTO big SELECT g, 'org' || g % 5000, repeat('x', 50) FROM generate_series(1, 100000) g",
        )
        .await?;
    sandbox.create("big", "org", "{}").await?;
    sandbox
        .run("ANALYZE big; SELECT insforge.record_membership('i', 'ada', 'org7')")
        .await?;
    let plan: Vec<String> = sandbox
        .as_user("ada", "EXPLAIN (COSTS OFF) SELECT * FROM big")
        .await?
        .concat();
    let plan = plan.join("\n");
    assert!(plan.contains("Index Cond: (org_id = ANY ($0))"), "{plan}");
    assert!(plan.contains("InitPlan 1"), "{plan}");
    assert_eq!(
        sandbox.as_user("ada", "SELECT count(*) FROM big").await?,
        [["20"]]
    );
    Ok(())
}

const BETTER_AUTH: &str = r#"
  CREATE SCHEMA better_auth;
  CREATE TABLE better_auth.member (id text PRIMARY KEY, "userId" text NOT NULL, "organizationId" text NOT NULL,
    role text NOT NULL DEFAULT 'member', "createdAt" timestamptz NOT NULL DEFAULT now());
  INSERT INTO better_auth.member VALUES ('m1', 'ada', 'acme', 'owner'), ('m2', 'ada', 'beta', 'admin,member')"#;

#[tokio::test]
async fn better_auths_members_are_memberships_as_soon_as_it_writes_them() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(BETTER_AUTH).await?;
    assert_eq!(
        sandbox.one("SELECT insforge.use_better_auth_members()").await?,
        "2"
    );
    assert_eq!(
        sandbox.one("SELECT insforge.use_better_auth_members()").await?,
        "2"
    );
    assert_eq!(org_ids(&sandbox, "ada", "").await?, "{acme,beta}");
    assert_eq!(org_ids(&sandbox, "ada", "'{admin}'").await?, "{beta}");
    sandbox
        .run(
            r#"INSERT INTO better_auth.member VALUES ('m3', 'bob', 'acme');
               DELETE FROM better_auth.member WHERE id = 'm2';
               UPDATE better_auth.member SET role = 'admin' WHERE id = 'm1'"#,
        )
        .await?;
    assert_eq!(org_ids(&sandbox, "ada", "").await?, "{acme}");
    assert_eq!(org_ids(&sandbox, "ada", "'{admin}'").await?, "{acme}");
    assert_eq!(org_ids(&sandbox, "bob", "'{member}'").await?, "{acme}");
    sandbox.run("TRUNCATE better_auth.member").await?;
    assert_eq!(org_ids(&sandbox, "bob", "").await?, "{}");
    Ok(())
}

#[tokio::test]
async fn better_auth_under_other_names_is_mirrored_too_and_wrong_names_are_refused() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    assert_eq!(
        sandbox
            .refusal("SELECT insforge.use_better_auth_members()")
            .await?
            .code,
        "42P01"
    );
    sandbox
        .run("CREATE TABLE team_members (user_id text, org uuid, level text)")
        .await?;
    assert_eq!(
        sandbox
            .refusal("SELECT insforge.use_better_auth_members('team_members')")
            .await?
            .code,
        "42703"
    );
    sandbox
        .run("SELECT insforge.use_better_auth_members('team_members', 'user_id', 'org', 'level')")
        .await?;
    sandbox
        .run("INSERT INTO team_members VALUES ('ada', '6f1f3a0e-0000-4000-8000-000000000001', NULL)")
        .await?;
    assert_eq!(
        org_ids(&sandbox, "ada", "").await?,
        "{6f1f3a0e-0000-4000-8000-000000000001}"
    );
    Ok(())
}

#[tokio::test]
async fn the_mirror_runs_nobody_elses_code_with_its_owners_rights() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(BETTER_AUTH).await?;
    sandbox.run("SELECT insforge.use_better_auth_members()").await?;
    // The owner of the table swaps a column's type for one whose cast to text is a function of its own.
    sandbox
        .run(
            "CREATE ROLE rls_mallory; ALTER TABLE better_auth.member OWNER TO rls_mallory;
             GRANT CREATE, USAGE ON SCHEMA better_auth TO rls_mallory; CREATE TABLE public.evidence (who name);
             GRANT INSERT ON public.evidence TO PUBLIC; SET ROLE rls_mallory;
             CREATE TYPE better_auth.trap AS ENUM ('acme', 'beta');
             CREATE FUNCTION better_auth.spring(better_auth.trap) RETURNS text LANGUAGE plpgsql AS
               $$ BEGIN INSERT INTO public.evidence VALUES (current_user); RETURN 'acme'; END $$;
             CREATE CAST (better_auth.trap AS text) WITH FUNCTION better_auth.spring(better_auth.trap);
             ALTER TABLE better_auth.member ALTER \"organizationId\" TYPE better_auth.trap
               USING \"organizationId\"::better_auth.trap;
             INSERT INTO better_auth.member VALUES ('m9', 'eve', 'beta'); RESET ROLE",
        )
        .await?;
    assert_eq!(sandbox.one("SELECT count(*) FROM public.evidence").await?, "0");
    assert_eq!(org_ids(&sandbox, "eve", "").await?, "{beta}");
    Ok(())
}
