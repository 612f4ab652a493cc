import type { CertificatePaths } from "./network_config.ts";
import { resolvePath } from "./paths.ts";
import type { ReferenceSources } from "./references.ts";
import { nameOf, type SettingReader } from "./setting_reader.ts";
import type { SettingName } from "./settings.ts";

/** Path of a setting that holds a path reference; empty when nothing set it, or after a mistake. */
export function readPath(
  reader: SettingReader,
  name: SettingName,
  references: Pick<ReferenceSources, "env">,
): string {
  const found = reader.find(name);
  // An empty flag that hides the other sources (CFG-7).
  if (found === undefined || found.texts[0] === "") return "";
  try {
    return resolvePath(found.texts[0] ?? "", references);
  } catch (error) {
    reader.reportUnusable(name, found, "invalid_reference", error);
    return "";
  }
}

/**
 * A certificate and its key; each may come from another source, but one needs the other (CFG-56).
 * @param scope `control-plane` or `mcp`
 */
export function readCertificate(
  reader: SettingReader,
  scope: "control-plane" | "mcp",
  references: Pick<ReferenceSources, "env">,
): CertificatePaths | undefined {
  const [cert, key] = [`${scope}.client-cert`, `${scope}.client-key`] as const;
  const before = reader.problems.length;
  const certPath = readPath(reader, cert, references);
  const keyPath = readPath(reader, key, references);
  if (reader.problems.length > before) return undefined;
  if (certPath !== "" && keyPath !== "") return { certPath, keyPath };
  if (certPath === "" && keyPath === "") return undefined;
  const [given, missing, what] = certPath === ""
    ? [key, cert, "client certificate path"]
    : [cert, key, "client key path"];
  const found = reader.find(given);
  reader.report(given, found, {
    code: "conflict",
    message: `${scope === "mcp" ? "MCP" : scope} ${what} is missing: ${
      found === undefined ? given : nameOf(found)
    } is set, ${missing} is not`,
    suggestion: `set --${missing}`,
  });
  return undefined;
}
