import { exampleOf, renderSample, SAMPLES, schemaText } from "../src/profiles/mod.ts";

const FOLDER = "samples/profiles";

/** The profiles of `samples/profiles`, each sample with its example, and the schema that they refer to, by path. */
export function sampleProfiles(): Readonly<Record<string, string>> {
  const profiles = SAMPLES.map((sample) => [
    `${FOLDER}/${sample.name}.yaml`,
    renderSample(sample, exampleOf(sample)),
  ]);
  return { ...Object.fromEntries(profiles), [`${FOLDER}/.tunnel-client.schema.json`]: schemaText() };
}
