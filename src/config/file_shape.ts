/** What a file may look like, derived from the table of settings (CFG-37). */
import type { Member, MemberType, Setting, SettingType } from "./setting.ts";
import { SETTINGS, VERSION_KEY } from "./settings.ts";

/** What may stand in one place of the file. Nothing (`null`) may stand everywhere. */
export type Shape =
  | { readonly kind: "text" | "int" | "bool" }
  | { readonly kind: "list"; readonly item: Shape }
  /** Any keys, values of one shape. */
  | { readonly kind: "map"; readonly value: Shape }
  /** These keys and no others. */
  | ObjectShape;

export interface ObjectShape {
  readonly kind: "object";
  readonly keys: ReadonlyMap<string, Shape>;
  readonly required: readonly string[];
}

interface MutableObject extends ObjectShape {
  readonly keys: Map<string, Shape>;
}

/** The shape of a whole file. */
export function fileShape(): ObjectShape {
  const root = emptyObject();
  root.keys.set(VERSION_KEY.yaml, { kind: "int" });
  for (const setting of SETTINGS as readonly Setting[]) {
    const path = setting.yaml?.split(".") ?? [];
    const last = path.pop();
    if (last === undefined) continue;
    let parent = root;
    for (const key of path) {
      const known = parent.keys.get(key);
      const next = known?.kind === "object" ? known as MutableObject : emptyObject();
      parent.keys.set(key, next);
      parent = next;
    }
    parent.keys.set(last, settingShape(setting));
  }
  return root;
}

function emptyObject(): MutableObject {
  return { kind: "object", keys: new Map(), required: [] };
}

const TEXT = { kind: "text" } as const;
const LIST_OF_TEXTS = { kind: "list", item: TEXT } as const;

function settingShape(setting: Setting): Shape {
  if (setting.members !== undefined) return { kind: "list", item: objectOf(setting.members) };
  const shapes: Partial<Record<SettingType, Shape>> = {
    int: { kind: "int" },
    bool: { kind: "bool" },
    headers: { kind: "map", value: TEXT },
    channels: LIST_OF_TEXTS,
    texts: LIST_OF_TEXTS,
    lines: LIST_OF_TEXTS,
  };
  return shapes[setting.type] ?? TEXT;
}

function objectOf(members: readonly Member[]): ObjectShape {
  return {
    kind: "object",
    keys: new Map(members.map((member) => [member.key, memberShape(member)])),
    required: members.filter((member) => member.required).map((member) => member.key),
  };
}

function memberShape({ type, members = [] }: Member): Shape {
  const shapes: Partial<Record<MemberType, Shape>> = {
    int: { kind: "int" },
    bool: { kind: "bool" },
    texts: LIST_OF_TEXTS,
    map: { kind: "map", value: TEXT },
    object: objectOf(members),
    objects: { kind: "map", value: objectOf(members) },
  };
  return shapes[type] ?? TEXT;
}
