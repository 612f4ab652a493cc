import { harpoonTargetsOfFile } from "./harpoon_file_targets.ts";
import type { HarpoonConfig, HarpoonTarget, HarpoonUrlTarget } from "./harpoon_config.ts";
import { hostPattern } from "./host_pattern.ts";
import { checkHttpUrl } from "./http_url.ts";
import { InvalidValueError } from "./invalid_value.ts";
import type { ProxyChoice } from "./network_config.ts";
import { resolvePath } from "./paths.ts";
import { ENVIRONMENT_PROXY, readProxy } from "./proxies.ts";
import { quote, quoteUrl } from "./quote.ts";
import type { ReferenceSources } from "./references.ts";
import { entryNameOf, nameOf, type SettingReader } from "./setting_reader.ts";

const MAX_TARGETS = 10_000;
const LABEL = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const TARGET_FORM = "write label=NAME,url=URL";

/**
 * Reads the settings of the built-in channel (section 11.1).
 * @param globalProxy what applies when it has no proxy of its own
 */
export function readHarpoon(
  reader: SettingReader,
  references: ReferenceSources,
  globalProxy: ProxyChoice | undefined,
): HarpoonConfig {
  const allowPlaintextHttp = reader.boolean("harpoon.allow-plaintext-http");
  const maxResponseBytes = reader.integer("harpoon.max-response-bytes");
  const maxRedirects = reader.integer("harpoon.max-redirects");
  const targets = readTargets(reader, references, allowPlaintextHttp);
  const additionalTransports = readTransports(reader);
  const hostsIncludeSuffix = textsOf(reader, "harpoon.hosts-include-suffix");
  const hostsIncludeRegex = readPatterns(reader);
  const hostsIncludeLoopback = reader.boolean("harpoon.hosts-include-loopback");
  const hostsIncludePrivate = reader.boolean("harpoon.hosts-include-private");
  const proxy = readProxy(reader, "harpoon.http-proxy", references) ?? globalProxy ?? ENVIRONMENT_PROXY;
  const capturePayloads = reader.boolean("harpoon.capture-payloads");
  return {
    targets,
    allowPlaintextHttp,
    maxResponseBytes,
    maxRedirects,
    proxy,
    additionalTransports,
    capturePayloads,
    hostsIncludeSuffix,
    hostsIncludeRegex,
    hostsIncludeLoopback,
    hostsIncludePrivate,
  };
}

function textsOf(reader: SettingReader, name: "harpoon.hosts-include-suffix"): readonly string[] {
  return (reader.find(name)?.texts ?? []).map((text) => text.trim()).filter((text) => text !== "");
}

/** CFG-86. */
function readTransports(reader: SettingReader): readonly "http-streamable"[] {
  const found = reader.find("harpoon.additional-transport");
  if (found === undefined) return [];
  const words = found.texts.map((text) => text.trim()).filter((text) => text !== "");
  const wrong = words.filter((word) => word.toLowerCase() !== "http-streamable");
  for (const word of wrong) {
    reader.report("harpoon.additional-transport", found, {
      code: "unsupported",
      message: `unsupported harpoon.additional-transport ${quote(word)} (${nameOf(found)})`,
      suggestion: "use http-streamable",
    });
  }
  return words.length > wrong.length ? ["http-streamable"] : [];
}

/** CFG-88. */
function readPatterns(reader: SettingReader): readonly string[] {
  const found = reader.find("harpoon.hosts-include-regex");
  const patterns = (found?.texts ?? []).map((text) => text.trim()).filter((text) => text !== "");
  for (const pattern of found === undefined ? [] : patterns) {
    try {
      hostPattern(pattern);
    } catch (error) {
      if (!(error instanceof InvalidValueError) || found === undefined) throw error;
      reader.report("harpoon.hosts-include-regex", found, {
        code: "invalid_value",
        message: `invalid harpoon.hosts-include-regex ${quote(pattern)} (${nameOf(found)}): ${error.problem}`,
        suggestion: error.valid,
      });
    }
  }
  return patterns;
}

function readTargets(
  reader: SettingReader,
  references: ReferenceSources,
  allowPlaintextHttp: boolean,
): readonly HarpoonTarget[] {
  const found = reader.find("harpoon.target");
  if (found === undefined) return [];
  const read = found.entries === undefined
    ? found.texts.flatMap((text, index) => {
      if (text.trim() === "") return []; // CFG-8
      const target = attempt(entryNameOf(found, index), () =>
        parseTarget(text, (key) =>
          reader.warnings.push({
            code: "ignored_key",
            setting: "harpoon.target",
            message: `unknown key ${quote(key)} in ${entryNameOf(found, index)} is ignored`,
            suggestion: "the keys are label, url, unix-socket and desc",
          })));
      return target === undefined ? [] : [{ target, entry: entryNameOf(found, index) }];
    })
    : found.entries.flatMap((node, index) => {
      const entry = entryNameOf(found, index);
      const target = attempt(
        entry,
        () => harpoonTargetsOfFile(reader, node, `${found.key}[${index}]`, references),
      );
      return target === undefined ? [] : [{ target, entry }];
    });
  const targets = read.flatMap(({ target, entry }) => {
    const checked = attempt(entry, () => checkTarget(target, allowPlaintextHttp, references));
    return checked === undefined ? [] : [{ target: checked, entry }];
  });
  checkTogether(reader, targets);
  return targets.map(({ target }) => target);

  function attempt<Result>(entry: string, work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      reader.report("harpoon.target", found, {
        code: "invalid_value",
        message: `invalid harpoon.target in ${entry}: ${error.problem}`,
        suggestion: error.valid,
      });
      return undefined;
    }
  }
}

/**
 * Takes one entry of a flag or variable apart (CFG-83). What follows `desc=` and is no key of its own belongs to the
 * description, commas included.
 */
function parseTarget(entry: string, onUnknownKey: (key: string) => void): HarpoonUrlTarget {
  const fields = new Map<string, string>();
  let isDescription = false;
  for (const part of entry.split(",")) {
    const equals = part.indexOf("=");
    const key = equals === -1 ? "" : part.slice(0, equals).trim().toLowerCase();
    const isKnown = key === "label" || key === "url" || key === "unix-socket" || key === "desc";
    if (!isKnown && isDescription) {
      fields.set("desc", `${fields.get("desc")},${part}`);
      continue;
    }
    if (part.trim() === "") continue;
    if (equals === -1 || key === "") {
      throw new InvalidValueError("a part without key= in the entry", `${TARGET_FORM}, and desc= last`);
    }
    isDescription = key === "desc";
    if (isKnown) fields.set(key, part.slice(equals + 1));
    else onUnknownKey(key);
  }
  const value = (key: string) => (fields.get(key) ?? "").trim().replace(/^["']+|["']+$/g, "");
  const [label, url, unixSocket, description] = ["label", "url", "unix-socket", "desc"].map(value);
  if (!label) throw new InvalidValueError("missing label in the entry", TARGET_FORM);
  if (!url) throw new InvalidValueError(`missing url for target ${quote(label)}`, TARGET_FORM);
  return {
    kind: "url",
    label,
    description: description ?? "",
    url,
    ...(unixSocket ? { unixSocket } : {}),
  };
}

/** CFG-83, CFG-85. */
function checkTarget(
  target: HarpoonTarget,
  allowPlaintextHttp: boolean,
  references: ReferenceSources,
): HarpoonTarget {
  if (!LABEL.test(target.label)) {
    throw new InvalidValueError(
      `target ${quote(target.label)}: label must match ${LABEL.source}`,
      "use lower-case letters, digits, _ and -",
    );
  }
  if (target.kind === "template") return target;
  const complain = (problem: string, valid: string) => {
    throw new InvalidValueError(`target ${quote(target.label)}: ${problem}`, valid);
  };
  try {
    checkHttpUrl(target.url);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    complain(`${quoteUrl(target.url)}: ${error.problem}`, error.valid);
  }
  if (!allowPlaintextHttp && !/^https:/i.test(target.url)) {
    complain(
      `${quoteUrl(target.url)} must use https`,
      "use https, or set --harpoon.allow-plaintext-http",
    );
  }
  if (target.unixSocket === undefined) return target;
  const unixSocket = resolvePath(target.unixSocket, references);
  const isAbsolute = /^(?:\/|[A-Za-z]:[\\/])/.test(unixSocket);
  if (!isAbsolute || /(?:^|[\\/])\.\.(?:[\\/]|$)/.test(unixSocket)) {
    complain(`unix-socket ${quote(unixSocket)} must be an absolute path without ..`, "write the whole path");
  }
  return { ...target, unixSocket };
}

/** What can only be wrong between targets (CFG-85). */
function checkTogether(
  reader: SettingReader,
  targets: readonly { readonly target: HarpoonTarget; readonly entry: string }[],
): void {
  const found = reader.find("harpoon.target");
  const report = (message: string, suggestion: string) =>
    reader.report("harpoon.target", found, { code: "duplicate", message, suggestion });
  if (targets.length > MAX_TARGETS) {
    report(`harpoon.target has ${targets.length} targets, more than ${MAX_TARGETS}`, "remove some");
  }
  const labels = new Set<string>();
  const sockets = new Map<string, { readonly label: string; readonly unixSocket: string | undefined }>();
  for (const { target, entry } of targets) {
    if (labels.has(target.label)) {
      report(`duplicate label ${quote(target.label)} in ${entry}`, "give every target a label of its own");
    }
    labels.add(target.label);
    if (target.kind === "template") continue;
    const { href } = new URL(target.url);
    const other = sockets.get(href);
    if (other !== undefined && other.unixSocket !== target.unixSocket) {
      report(
        `targets ${quote(other.label)} and ${
          quote(target.label)
        } have the same URL and different Unix sockets`,
        "give both the same socket, or none",
      );
    }
    sockets.set(href, { label: target.label, unixSocket: target.unixSocket });
  }
}
