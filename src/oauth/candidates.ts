import { splitUrl } from "../channels/mod.ts";

/** Where a candidate URL comes from. */
export type CandidateSource = "www_authenticate" | "well_known_path" | "well_known_root";

/** One place where the metadata may be. */
export interface Candidate {
  readonly url: string;
  readonly source: CandidateSource;
}

const WELL_KNOWN = ".well-known/oauth-protected-resource";

/**
 * The places to look for protected resource metadata, best first (OD-20, OD-21, RFC 9728 §3.1).
 * @param mcpUrl URL of the main target; its query and userinfo play no part
 * @param advertisedUrl what the target's challenge named
 */
export function metadataCandidates(mcpUrl: string, advertisedUrl: string | undefined): Candidate[] {
  const candidates: Candidate[] = [];
  const add = (url: string, source: CandidateSource) => {
    if (!candidates.some((candidate) => candidate.url === url)) candidates.push({ url, source });
  };
  if (advertisedUrl !== undefined) add(advertisedUrl, "www_authenticate");
  const parts = splitUrl(mcpUrl);
  if (parts === undefined) return candidates;
  const root = `${parts.scheme}://${parts.authority}`;
  const path = cleanPath(parts.path);
  if (path.startsWith(WELL_KNOWN)) add(`${root}/${path}`, "well_known_path");
  else if (path !== "") add(`${root}/${WELL_KNOWN}/${path}`, "well_known_path");
  add(`${root}/${WELL_KNOWN}`, "well_known_root");
  return candidates;
}

/** Without slashes at the ends, without empty and dot segments; escapes keep their spelling. */
function cleanPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments.join("/");
}
