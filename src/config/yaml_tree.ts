/** Reads YAML. Only loaded when there is a file to read: the parser costs more than the rest of the start. */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  Parser,
  Scalar,
  type YAMLMap,
} from "yaml";
import type { ConfigProblem } from "./config_error.ts";
import type { FileNode, FileTree, MapEntry } from "./file_tree.ts";
import { formatLocation, type Location } from "./location.ts";
import { showKey } from "./quote.ts";

/** The parser's own texts quote the file, secrets included; these do not. */
const SYNTAX_TEXTS: Readonly<Record<string, string>> = {
  BAD_ALIAS: "an alias (*) that cannot stand here; put a text that starts with * in quotes",
  BAD_DIRECTIVE: "a directive (%) that is not valid",
  BAD_DQ_ESCAPE: "an unknown escape after a backslash; use single quotes, or write \\\\",
  BAD_INDENT: "wrong indentation, or a bracket that is not closed",
  BAD_SCALAR_START: "a text that starts with @ or a backquote must stand in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a second colon on the line; put a text that holds a colon and a space in quotes",
  BLOCK_IN_FLOW: "an indented block inside brackets or braces",
  KEY_OVER_1024_CHARS: "a key that is too long",
  MISSING_CHAR: "a quote, bracket, comma or colon is missing",
  MULTILINE_IMPLICIT_KEY: "a key that goes over several lines; a colon may be missing",
  MULTIPLE_ANCHORS: "more than one anchor (&) on one value",
  MULTIPLE_TAGS: "more than one tag (!) on one value",
  TAB_AS_INDENT: "a tab as indentation; use spaces",
  TAG_RESOLVE_FAILED: "a tag (!) that does not fit its value",
  UNEXPECTED_TOKEN:
    "something that cannot stand here; often a quote too many, or a value that goes on behind its closing quote",
};

const NULLS: ReadonlySet<string> = new Set(["", "~", "null", "Null", "NULL"]);
const TAG_PREFIX = "tag:yaml.org,2002:";

/**
 * Reads the first document of a YAML text (CFG-35): every scalar stays the text that it is. Never throws for any text.
 * @param path names the file in problems
 */
export function readYamlTree(text: string, path: string): FileTree {
  const lines = new LineCounter();
  const at = (offset: number): Location => {
    const { line, col } = lines.linePos(offset);
    return { path, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const options = { schema: "failsafe", uniqueKeys: false, prettyErrors: false } as const;
  const documents = new Composer(options).compose(
    new Parser(lines.addNewLine).parse(text),
    false,
    text.length,
  );
  let document: Document.Parsed | undefined;
  let hasMoreDocuments = false;
  try {
    document = documents.next().value ?? undefined;
    hasMoreDocuments = document !== undefined && documents.next().done === false;
  } catch (error) {
    // Thousands of brackets in each other exhaust the parser's stack.
    if (!(error instanceof RangeError)) throw error;
    return failed(fileProblem(at(0), "it is nested too deeply"));
  }
  if (document === undefined) {
    return failed(fileProblem(at(0), "the file holds no YAML document", "write at least config_version: 1"));
  }
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const what = SYNTAX_TEXTS[mistake.code] ?? "not valid YAML";
    return failed(fileProblem(at(mistake.pos[0]), `YAML syntax: ${what}`));
  }
  const reader = new TreeReader(at);
  const root = reader.read(document.contents, 0);
  return { root, problems: reader.problems, hasMoreDocuments };
}

function failed(problem: ConfigProblem): FileTree {
  return { root: undefined, problems: [problem], hasMoreDocuments: false };
}

/** A mistake that is no setting's. */
function fileProblem(location: Location, what: string, suggestion = ""): ConfigProblem {
  return {
    code: "invalid_file",
    setting: "config",
    key: "",
    source: "yaml",
    message: `${formatLocation(location)}: ${what}`,
    suggestion,
    location,
  };
}

/** Turns the parser's nodes into ours, each once, in the order of the file. */
class TreeReader {
  readonly problems: ConfigProblem[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #read = new Map<Node, FileNode>();
  readonly #open = new Set<Node>();

  constructor(readonly at: (offset: number) => Location) {}

  /** @param offset where to point when there is nothing */
  read(node: Node | ParsedNode | null, offset: number): FileNode {
    if (node === null) return { kind: "empty", at: this.at(offset) };
    if (isAlias(node)) return this.#readAlias(node.source, startOf(node, offset));
    const known = this.#read.get(node);
    if (known !== undefined) return known;
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    this.#open.add(node);
    const read = this.#readNode(node, startOf(node, offset));
    this.#open.delete(node);
    this.#read.set(node, read);
    return read;
  }

  #readNode(node: Node, offset: number): FileNode {
    const at = this.at(offset);
    if (isMap(node)) return { kind: "map", entries: this.#readEntries(node, offset), at };
    if (isSeq(node)) {
      const items = node.items.map((item) => this.read(item as Node | null, offset));
      return { kind: "list", items, at };
    }
    if (!isScalar(node)) return { kind: "empty", at };
    const text = typeof node.value === "string" ? node.value : String(node.value ?? "");
    const tag = node.tag?.startsWith(TAG_PREFIX) ? node.tag.slice(TAG_PREFIX.length) : undefined;
    const isPlain = tag === undefined ? node.type === Scalar.PLAIN : tag !== "str";
    if (isPlain && (tag === "null" || NULLS.has(text))) return { kind: "empty", at };
    return { kind: "text", text, isPlain, at };
  }

  #readAlias(name: string, offset: number): FileNode {
    const at = this.at(offset);
    const node = this.#anchors.get(name);
    if (node !== undefined && !this.#open.has(node)) return this.read(node, offset);
    const what = node === undefined
      ? "an alias (*) without an anchor (&) before it; put a text that starts with * in quotes"
      : "an alias (*) inside its own anchor (&)";
    this.problems.push(fileProblem(at, `YAML syntax: ${what}`));
    return { kind: "empty", at };
  }

  #readEntries(map: YAMLMap, offset: number): readonly MapEntry[] {
    const own = new Map<string, MapEntry>();
    const merged: FileNode[] = [];
    for (const pair of map.items as Pair<Node | null, Node | null>[]) {
      const keyOffset = pair.key === null ? offset : startOf(pair.key, offset);
      const keyAt = this.at(keyOffset);
      const key = this.#keyText(pair.key);
      const value = this.read(pair.value, keyOffset);
      if (key === undefined) {
        this.problems.push(fileProblem(keyAt, "a key must be a plain text"));
      } else if (key === "<<" && isScalar(pair.key) && pair.key.type === Scalar.PLAIN) {
        merged.push(...value.kind === "list" ? value.items : [value]);
      } else {
        const other = own.get(key);
        if (other !== undefined) {
          const message = `mapping key ${showKey(key)} already defined at line ${other.keyAt.line}`;
          this.problems.push(fileProblem(keyAt, message, "keep one of the two"));
        }
        own.set(key, { key, keyAt, value });
      }
    }
    // What stands in the map itself wins over what is merged into it, earlier maps over later ones.
    for (const other of merged) {
      if (other.kind !== "map") {
        this.problems.push(fileProblem(other.at, "<< needs a mapping, or a list of mappings"));
        continue;
      }
      for (const entry of other.entries) if (!own.has(entry.key)) own.set(entry.key, entry);
    }
    return [...own.values()];
  }

  #keyText(key: Node | null): string | undefined {
    if (key === null) return "";
    if (isScalar(key)) return typeof key.value === "string" ? key.value : String(key.value ?? "");
    if (!isAlias(key)) return undefined;
    const read = this.read(key, 0);
    return read.kind === "text" ? read.text : undefined;
  }
}

function startOf(node: Node, offset: number): number {
  return node.range?.[0] ?? offset;
}
