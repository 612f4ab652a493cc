/** The suite with its version; the first ones that know `--requirements` are pre-releases. */
export const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";
