// What src/qdpi/web/vendor/hash.js exports: SHA-256 for pages of origins without `crypto.subtle`, loaded with the past.
export { sha256 } from "@noble/hashes/sha2.js";
