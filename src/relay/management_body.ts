import { RelayError } from "./relay_error.ts";

/** What a create or update says of a tunnel; undefined where it says nothing (P-143). */
export interface TunnelChange {
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly organizationIds: readonly string[] | undefined;
  readonly workspaceIds: readonly string[] | undefined;
  readonly tenantIds: readonly string[] | undefined;
}

const MAX_NAME_LENGTH = 256;
const MAX_DESCRIPTION_LENGTH = 4096;
const MAX_ID_LENGTH = 256;
/** Ids of one kind that a tunnel may have. */
const MAX_IDS = 100;

/**
 * Reads the body of a create or update. Unknown members are ignored.
 * @throws {RelayError} 400 for no JSON object, a member of the wrong type, a blank name, or too many ids
 */
export function parseTunnelChange(text: string): TunnelChange {
  const body = parsed(text);
  return {
    name: textOf(body, "name", MAX_NAME_LENGTH),
    description: textOf(body, "description", MAX_DESCRIPTION_LENGTH),
    organizationIds: idsOf(body, "organization_ids"),
    workspaceIds: idsOf(body, "workspace_ids"),
    tenantIds: idsOf(body, "tenant_ids"),
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return { ...body };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new RelayError("invalid_json_payload", "The body must be a JSON object.");
}

function textOf(
  body: Readonly<Record<string, unknown>>,
  param: string,
  maxLength: number,
): string | undefined {
  const value = body[param];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw invalid(param, "must be a text");
  if (param === "name" && value.trim() === "") throw invalid(param, "may not be blank");
  if (value.length > maxLength) throw invalid(param, `may have at most ${maxLength} characters`);
  return value;
}

function idsOf(body: Readonly<Record<string, unknown>>, param: string): string[] | undefined {
  const value = body[param];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((id) => typeof id === "string")) {
    throw invalid(param, "must be a list of texts");
  }
  const ids = [...new Set(value.map(String))];
  if (ids.some((id) => id.trim() === "" || id.length > MAX_ID_LENGTH)) {
    throw invalid(param, `may hold only ids of 1 to ${MAX_ID_LENGTH} characters`);
  }
  if (ids.length > MAX_IDS) {
    throw new RelayError("tunnel_principal_limit_exceeded", `A tunnel may have ${MAX_IDS} ids in ${param}.`, {
      param,
    });
  }
  return ids;
}

function invalid(param: string, why: string): RelayError {
  return new RelayError("invalid_parameter", `Member ${param} ${why}.`, { param });
}
