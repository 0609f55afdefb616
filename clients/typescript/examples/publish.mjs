// node examples/publish.mjs "The launch is live."    with POSTMANTIS_KEY, POSTMANTIS_ADDRESS
import { PostMantis, PostMantisError } from "postmantis";

const postmantis = new PostMantis({ key: process.env.POSTMANTIS_KEY, address: process.env.POSTMANTIS_ADDRESS ?? "http://127.0.0.1:5080" });
const { data: [profile] } = await postmantis.listProfiles();
const body = { post: { body: process.argv[2] ?? "Hello from a program." }, profiles: [profile.id] };

const check = await postmantis.validatePost(body);
for (const issue of [...check.issues, ...check.profiles.flatMap(p => p.issues)]) console.log(`${issue.severity}: ${issue.message} ${issue.fix}`);

try {
  const { data: accepted } = await postmantis.createPost(body, { idempotencyKey: "launch-1" });
  for await (const post of postmantis.watch(accepted.id))
    console.log(post.status, post.outcome ?? "", post.deliveries.map(d => d.url ?? d.error?.message ?? d.status).join(", "));
} catch (error) {
  if (!(error instanceof PostMantisError)) throw error;
  console.error(error.message, error.problem.errors);
  process.exitCode = 1;
}
