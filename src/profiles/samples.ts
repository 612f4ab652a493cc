import { suggestName } from "../config/mod.ts";
import { ProfileError } from "./profile_error.ts";

/** A profile with gaps, and what a person should know of it (S-3). */
export interface Sample {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly useWhen: string;
  /** What the MCP server may be given as. */
  readonly target: "url" | "command" | "either";
  readonly example: { readonly url: string } | { readonly command: string };
  /** It takes its proxy and CA bundle from variables. */
  readonly isEnterprise: boolean;
  readonly notes: readonly string[];
}

/** What every sample takes besides (CFG-148). */
export const OPTIONAL_FLAGS: readonly string[] = [
  "--control-plane-base-url",
  "--control-plane-url-path",
  "--control-plane-api-key-ref",
  "--health-listen-addr",
  "--open-web-ui",
];

const REFERENCES = "The profile holds references (env:NAME, file:/path), not keys.";
const MAIN = "The MCP server is bound to channel main.";

/** Sorted by name. */
export const SAMPLES: readonly Sample[] = [
  {
    name: "sample_mcp_enterprise_proxy",
    summary: "MCP server behind a company proxy, a private CA, or both",
    useWhen:
      "HTTPS leaves this network only through a proxy, or servers have certificates of the company's own CA.",
    target: "either",
    example: { url: "https://mcp.internal.example.com/mcp" },
    isEnterprise: true,
    notes: [
      "One proxy, HTTPS_PROXY, serves the control plane, the MCP server and Harpoon.",
      "HTTPS_PROXY and ENTERPRISE_CA_BUNDLE must both be set; remove the line that you do not need.",
      "CONTROL_PLANE_API_KEY is the runtime key. The admin key, OPENAI_ADMIN_KEY, is never used by run.",
      MAIN,
    ],
  },
  {
    name: "sample_mcp_http",
    summary: "Plain HTTP MCP server on this machine or nearby",
    useWhen: "An MCP server answers at an http:// or https:// URL and asks nobody to sign in.",
    target: "url",
    example: { url: "http://127.0.0.1:3000/mcp" },
    isEnterprise: false,
    notes: [
      "The shortest profile for a server that runs already; start the server before the tunnel.",
      REFERENCES,
      MAIN,
    ],
  },
  {
    name: "sample_mcp_remote_no_auth",
    summary: "Remote HTTP MCP server without OAuth metadata",
    useWhen: "The MCP server is reached over HTTP and publishes no OAuth metadata.",
    target: "url",
    example: { url: "https://mcp.example.com/mcp" },
    isEnterprise: false,
    notes: [
      "A server that answers 404 to every search for metadata gets ready all the same.",
      "One that answers 5xx, or with metadata that cannot be read, stays degraded until that is mended.",
      MAIN,
    ],
  },
  {
    name: "sample_mcp_stdio_local",
    summary: "Local command that speaks MCP over stdin and stdout",
    useWhen: "The MCP server is a program on this machine; this is the shortest way to a first call.",
    target: "command",
    example: { command: "python /path/to/server.py" },
    isEnterprise: false,
    notes: [
      "The agent starts the command and starts it again when it ends.",
      "There is no OAuth discovery for a server behind stdio.",
      MAIN,
    ],
  },
  {
    name: "sample_mcp_with_dcr",
    summary: "MCP server with OAuth and dynamic client registration",
    useWhen: "The MCP server publishes OAuth metadata, or the whole contract is to be tried out.",
    target: "either",
    example: { url: "http://127.0.0.1:3001/mcp" },
    isEnterprise: false,
    notes: [
      "Works for HTTP and for stdio; for HTTP the OAuth metadata is found at start.",
      REFERENCES,
      MAIN,
    ],
  },
];

/** @throws {ProfileError} when there is no sample of this name */
export function findSample(word: string): Sample {
  const name = word.trim();
  const found = SAMPLES.find((sample) => sample.name === name);
  if (found !== undefined) return found;
  const meant = suggestName(name, SAMPLES.map((sample) => sample.name));
  const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
  throw new ProfileError(
    `there is no sample ${JSON.stringify(name)}${hint}; see tunnel-client profiles samples list`,
  );
}

/** The flags that a sample cannot do without. */
function requiredFlags({ target }: Sample): readonly string[] {
  const targets = {
    url: "--mcp-server-url",
    command: "--mcp-command",
    either: "--mcp-server-url or --mcp-command",
  };
  return ["--tunnel-id", targets[target]];
}

/** Everything about a sample but its YAML, as text (S-2). */
export function sampleText(sample: Sample): string {
  const list = (heading: string, items: readonly string[]) => [heading, ...items.map((item) => `- ${item}`)];
  return [
    `Sample: ${sample.name}`,
    `Summary: ${sample.summary}`,
    `Use when: ${sample.useWhen}`,
    ...list("Required:", requiredFlags(sample)),
    ...list("Optional:", OPTIONAL_FLAGS),
    ...list("Notes:", sample.notes),
    "",
  ].join("\n");
}

/** The same as plain data, for programs. */
export function sampleFacts(sample: Sample): Readonly<Record<string, unknown>> {
  const { name, summary, useWhen, notes } = sample;
  return {
    name,
    summary,
    use_when: useWhen,
    required: requiredFlags(sample),
    optional: OPTIONAL_FLAGS,
    notes,
  };
}
