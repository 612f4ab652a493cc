import { isCredentialName } from "./credential_name.ts";
import type { FileNode } from "./file_tree.ts";
import type { Json } from "./profile_schema.ts";
import { shownCommandLine } from "./shown_arguments.ts";
import { shownUrl } from "./shown_url.ts";
import { loadYamlReader } from "./yaml_reader.ts";

const REDACTED = "[REDACTED]";

/** A file of settings as it may be exported. */
export interface ShownFile {
  readonly path: string;
  readonly contents: Json;
}

/**
 * A file of settings without its secrets (CFG-142): the names in header maps and in the variables of children stay, their
 * values go; values of keys that are called like a secret go unless they are `env:` references; URLs are reduced.
 * @param scrub masks what looks like a credential in any other text
 */
export async function shownFile(
  { path, text }: { readonly path: string; readonly text: string },
  scrub: (text: string) => string,
): Promise<ShownFile> {
  const { readYamlTree } = await loadYamlReader();
  const { root, problems } = readYamlTree(text, path);
  const [problem] = problems;
  const contents = root === undefined ? { parse_error: problem?.message ?? "" } : shownNode(root, "", scrub);
  return { path, contents };
}

function shownNode(node: FileNode, key: string, scrub: (text: string) => string): Json {
  switch (node.kind) {
    case "empty":
      return null;
    case "list":
      return node.items.map((item) => shownNode(item, key, scrub));
    case "map": {
      // Everything in these is somebody's value.
      const isMasked = /(?:^|_)headers?$/.test(key) || key === "env";
      return Object.fromEntries(
        node.entries.map((entry) => [
          scrub(entry.key),
          isMasked ? REDACTED : shownNode(entry.value, entry.key, scrub),
        ]),
      );
    }
    case "text":
      return node.isPlain && /^(?:true|false|-?\d{1,15})$/.test(node.text) && !isCredentialName(key)
        ? JSON.parse(node.text.replace(/^(-?)0+(?=\d)/, "$1"))
        : shownText(node.text, key, scrub);
  }
}

function shownText(text: string, key: string, scrub: (text: string) => string): string {
  if (isCredentialName(key)) return text.startsWith("env:") || text === "" ? text : REDACTED;
  if (key === "command") return scrub(shownCommandLine(text));
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? shownUrl(text) : scrub(text);
}
