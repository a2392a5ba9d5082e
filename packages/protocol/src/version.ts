/**
 * The version of what is said on the wire. It rises by one when a client or server of the version before would
 * misunderstand the new one: a field or event taken away, renamed or given another meaning, a field newly
 * required of clients. What is only added leaves it as it is. version.test.ts asks the question at each change.
 */
export const PROTOCOL_VERSION = 1;
