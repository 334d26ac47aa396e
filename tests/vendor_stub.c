/* Stands in for Tencent's white-box library in tests: the same functions, arguments and error
 * codes as its published programs use, and a toy cipher. It refuses what the real one must not
 * be given: pointers that are cut to 32 bits, other flags and modes, contexts used too early.
 *
 * A key file holds the letters AES or SM4 and a byte that is added to every block; a file that
 * begins with BOUND is one for another device. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NULL_CONTEXT = 0x01000001, CIPHER_INVALID, KEY_INVALID = 0x01000004, NOT_BLOCKS = 0x01000006,
    BUFFER_TOO_SMALL, BAD_PADDING = 0x01000009, INVALID_KEY = 0x01000012, NOT_BOUND = 0x01000016
};

typedef struct { char name[4]; } ALGORITHM;
typedef struct { const ALGORITHM *algorithm; char folder[4096]; int loaded; uint8_t key; } KEY;
typedef struct { KEY *key; uint8_t iv[16]; } CIPHER;

static const ALGORITHM aes_key = {"AES"}, sm4_key = {"SM4"}, aes_cbc = {"AES"}, sm4_cbc = {"SM4"};
static int contexts;

int stub_contexts(void) { return contexts; }

const ALGORITHM *WRP_KEY_wbaes(void) { return &aes_key; }
const ALGORITHM *WRP_KEY_wbsm4(void) { return &sm4_key; }
const ALGORITHM *WRP_wbaes_cbc(void) { return &aes_cbc; }
const ALGORITHM *WRP_wbsm4_cbc(void) { return &sm4_cbc; }

KEY *WRP_KEY_CTX_new(void) { contexts++; return calloc(1, sizeof(KEY)); }
#ifdef NO_MEMORY
CIPHER *WRP_CIPHER_CTX_new(void) { return NULL; }
#else
CIPHER *WRP_CIPHER_CTX_new(void) { contexts++; return calloc(1, sizeof(CIPHER)); }
#endif
void WRP_KEY_CTX_free(KEY *key) { contexts--; free(key); }
void WRP_CIPHER_CTX_free(CIPHER *cipher) { contexts--; free(cipher); }

uint32_t WRP_KEY_init(KEY *key, const ALGORITHM *algorithm, uint32_t bits) {
    if (!key) return NULL_CONTEXT;
    if ((algorithm != &aes_key && algorithm != &sm4_key) || bits) return KEY_INVALID;
    key->algorithm = algorithm;
    return 0;
}

uint32_t WRP_KEY_ctrl(KEY *key, uint32_t flag, void *data, uint32_t length) {
    if (!key || !key->algorithm) return NULL_CONTEXT;
    if (flag != 3 || length >= sizeof key->folder || length != strlen(data)) return KEY_INVALID;
    memcpy(key->folder, data, length);
    return 0;
}

uint32_t WRP_KEY_import(KEY *key, const char *name, uint32_t mode) {
    char path[8192], text[6] = "";
    if (!key || !key->algorithm) return NULL_CONTEXT;
    if (mode != 8) return KEY_INVALID;
    snprintf(path, sizeof path, "%s%s", key->folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) return INVALID_KEY;
    size_t size = fread(text, 1, 5, file);
    fclose(file);
    if (!strncmp(text, "BOUND", 5)) return NOT_BOUND;
    if (!strncmp(text, "EMPTY", 5)) return 0;
    if (size != 4 || strncmp(text, key->algorithm->name, 3)) return INVALID_KEY;
    key->key = (uint8_t)text[3];
    key->loaded = 1;
    return 0;
}

uint32_t WRP_KEY_key_len(KEY *key, uint32_t kind) { return key && key->loaded && !kind ? 128 : 0; }

uint32_t WRP_CIPHER_Decrypt_init(CIPHER *cipher, const ALGORITHM *algorithm, KEY *key, const uint8_t *iv) {
    if (!cipher || !key || !key->loaded) return NULL_CONTEXT;
    if (algorithm != &aes_cbc && algorithm != &sm4_cbc) return CIPHER_INVALID;
    if (strcmp(algorithm->name, key->algorithm->name)) return KEY_INVALID;
    cipher->key = key;
    memcpy(cipher->iv, iv, 16);
    return 0;
}

uint32_t WRP_CIPHER_Decrypt_doCipher(CIPHER *cipher, const uint8_t *in, uint32_t size, uint8_t *out, uint32_t *room) {
    const uint8_t *before = cipher->iv;
    if (size % 16) return NOT_BLOCKS;
    if (*room < size) return BUFFER_TOO_SMALL;
    for (uint32_t i = 0; i < size; i++) out[i] = in[i] ^ cipher->key->key ^ (i < 16 ? before[i] : in[i - 16]);
    uint8_t padding = out[size - 1];
    if (padding < 1 || padding > 16) return BAD_PADDING;
    for (uint32_t i = size - padding; i < size; i++) if (out[i] != padding) return BAD_PADDING;
    *room = size - padding;
    /* One key makes it lie about the length. */
    if (cipher->key->key == '!') *room = size + 1;
    return 0;
}
