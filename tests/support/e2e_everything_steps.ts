/** A session with the reference server that uses everything it has which does not depend on time or on the caller. */
import { callWithProgress, type Reply, type Step } from "./e2e_clients.ts";

/** Resources that the reference server makes on demand hold the time of day. */
function withoutTime(text: string): string {
  return text.replace(/\d{1,2}:\d{2}:\d{2}(?:\s?[AP]M)?/g, "TIME");
}

const DOCUMENT = "demo://resource/static/document/architecture.md";

export const EVERYTHING_STEPS: readonly Step[] = [
  ["tools", (client) => client.listTools()],
  ["echo", (client) => client.callTool("echo", { message: 'häl\nlo "🙂" \u2028\u0000\\' })],
  ["sum", (client) => client.callTool("get-sum", { a: 0.1, b: 2 ** 53 })],
  ["structured", (client) => client.callTool("get-structured-content", { location: "Chicago" })],
  ["image", (client) => client.callTool("get-tiny-image")],
  [
    "annotated",
    (client) => client.callTool("get-annotated-message", { messageType: "error", includeImage: true }),
  ],
  ["links", (client) => client.callTool("get-resource-links", { count: 3 })],
  [
    "progress",
    (client) => callWithProgress(client, "trigger-long-running-operation", { duration: 0.1, steps: 5 }),
  ],
  ["wrong arguments", (client) => client.callTool("get-sum", { a: "one" })],
  ["unknown tool", (client) => client.callTool("no-such-tool")],
  ["resources", (client) => client.listResources()],
  ["templates", (client) => client.listResourceTemplates()],
  ["document", (client) => client.readResource(DOCUMENT)],
  ["dynamic resource", async (client) => {
    const read: Reply = await client.readResource("demo://resource/dynamic/text/7");
    return withoutTime(JSON.stringify(read));
  }],
  ["dynamic blob", async (client) => {
    const read: Reply = await client.readResource("demo://resource/dynamic/blob/8");
    return withoutTime(atob(read.contents[0].blob));
  }],
  ["unknown resource", (client) => client.readResource("demo://no/such/thing")],
  ["prompts", (client) => client.listPrompts()],
  ["prompt", (client) => client.getPrompt("args-prompt", { city: "Köln", state: "NRW" })],
  ["prompt without its argument", (client) => client.getPrompt("args-prompt")],
  ["completion", (client) => client.complete("completable-prompt", "department", "S")],
  ["ping", (client) => client.ping()],
];
