/** What the licenses of the packages inside a binary ask to be passed on with it. */
import type { BundledPackage } from "./bundle.ts";

/** What one package says about its license. */
export interface PackageLicense {
  /** `name@version`. */
  readonly id: string;
  /** SPDX expression that it declares, if any. */
  readonly declared: string | undefined;
  /** Text of its license file, if it has one. */
  readonly text: string | undefined;
}

const LICENSE_FILE = /^(?:licen[cs]e|copying)(?:\.\w+)?$/i;

/** Reads what each package says in its own folder. */
export async function packageLicenses(packages: readonly BundledPackage[]): Promise<PackageLicense[]> {
  return await Promise.all(packages.map(async ({ name, version, folder }) => {
    const manifest: { license?: unknown } = JSON.parse(
      await Deno.readTextFile(new URL("package.json", folder)),
    );
    const declared = typeof manifest.license === "string" ? manifest.license : undefined;
    let text: string | undefined;
    for await (const { name: file, isFile } of Deno.readDir(folder)) {
      if (isFile && LICENSE_FILE.test(file)) text = await Deno.readTextFile(new URL(file, folder));
    }
    return { id: `${name}@${version}`, declared, text };
  }));
}

/** One text with every license, to lie beside the binary. */
export function noticesText(licenses: readonly PackageLicense[]): string {
  const parts = licenses.map(({ id, declared, text }) =>
    `${id}\nLicense: ${declared ?? "see its package"}\n\n${
      text?.trim() ?? "It brings no license text of its own."
    }\n`
  );
  return ["tunnel-client contains code of these packages.\n", ...parts].join(`\n${"-".repeat(78)}\n\n`);
}
