import type { ConfigProblem } from "./config_error.ts";
import type { Location } from "./location.ts";

/** What a YAML file says, aliases and merge keys resolved, every part with its place. Parts may be shared. */
export type FileNode = TextNode | EmptyNode | ListNode | MapNode;

/** A scalar, as its text stands there. */
export interface TextNode {
  readonly kind: "text";
  readonly text: string;
  /** Written without quotes, so that it may also be a number or a boolean. */
  readonly isPlain: boolean;
  readonly at: Location;
}

/** `null`, `~` or nothing. */
export interface EmptyNode {
  readonly kind: "empty";
  readonly at: Location;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly FileNode[];
  readonly at: Location;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly MapEntry[];
  readonly at: Location;
}

export interface MapEntry {
  readonly key: string;
  readonly keyAt: Location;
  readonly value: FileNode;
}

/** A file that has been read. */
export interface FileTree {
  /** Undefined when the text is no YAML at all, or holds no document (CFG-35). */
  readonly root: FileNode | undefined;
  /** What is wrong with the YAML itself. */
  readonly problems: readonly ConfigProblem[];
  /** The file goes on after its first document. */
  readonly hasMoreDocuments: boolean;
}

/** The value under a path of keys; undefined when it, or a part of the way, is absent or empty. */
export function nodeAt(root: FileNode | undefined, keys: readonly string[]): FileNode | undefined {
  let node = root;
  for (const key of keys) {
    if (node?.kind !== "map") return undefined;
    node = node.entries.find((entry) => entry.key === key)?.value;
  }
  return node === undefined || node.kind === "empty" ? undefined : node;
}
