/**
 * profiles: how does a profile come about, and what is in it? In: samples with gaps, a person's answers, files. Out: profile
 * files that only their owner can read, and what they say without their secrets.
 */
export { checkProfile, type ProfileFindings } from "./check_profile.ts";
export { editProfile } from "./edit_profile.ts";
export { type Editor, selectEditor } from "./editor.ts";
export { type LiteralSecret, type MaskedProfile, maskProfile } from "./mask_profile.ts";
export { ProfileError } from "./profile_error.ts";
export {
  addProfile,
  deleteProfile,
  findProfile,
  listProfiles,
  profileDirText,
  readProfile,
  type StoredProfile,
  type WriteMode,
} from "./profile_store.ts";
export { exampleOf, renderSample } from "./render_sample.ts";
export {
  checkKeyReference,
  checkSampleInputs,
  checkTarget,
  checkTunnelId,
  type SampleInputs,
} from "./sample_inputs.ts";
export { findSample, type Sample, sampleFacts, SAMPLES, sampleText } from "./samples.ts";
export { schemaText, writeSchemaFile } from "./schema_file.ts";
