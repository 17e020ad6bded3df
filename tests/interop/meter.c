/* A meter (ESME) for one HAN link, written from firmware/chf/wire/SPEC.md alone, in C99 with nothing beside libc: it
 * declares an activation to a hub, takes the answer, and completes or cancels. SPEC's sections are cited as "7.4". */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { VERSION = 1, HAN = 1, FROM_HUB = 0x40, MARK = 0x80, RESERVED = 0x38, LINK = 7, FLAG = 0x7E, ESCAPE = 0x7D };
enum { HEADER = 3, EUI = 8, COUNTER = 8, MAC = 16, KEY = 32, FRAME_MAX = 1536, GBCS_MAX = 1500 };
enum { PENDING = 0x10, COMPLETE, CANCEL, SYNC, ACK, REFUSAL, GBCS = 0x18 };
enum { REFUSED_COUNTER = 1, REFUSED_PEER, REFUSED_RANGE, REFUSED_UNSYNCED = 6, REFUSED_NONCE };
enum { RETRY_MS = 2000, GIVE_UP_MS = 20000, DONE_RETRY_MS = 5000, DONE_GIVE_UP_MS = 600000 }; /* 7.2, 7.4 */
enum { COUNTER_TRIES = 3, ROUNDS_MAX = 8 };                                                   /* 7.5, 7.6 */
static const char *const types[] = {"activation_pending", "activation_complete", "activation_cancel", "counter_sync"};
static const char *const reasons[] = {"?", "counter", "peer", "range", "busy", "store", "unsynced", "nonce", "value"};

static struct { uint8_t key[KEY], esme_hub[2 * EUI], image[32], durations[4], outcome[5]; } meter;
static uint8_t address = MARK | HAN; /* 9: a bench meter marks what it sends */
static const char *counter_path;
static int line = -1, faster = 1; /* faster: how many times its waits are shorter, for a hub that runs so fast */

#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

/* ---- SHA-256 (FIPS 180-4) and HMAC (RFC 2104) */

static const uint32_t rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
    0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
    0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static uint32_t turned(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(uint32_t hash[8], const uint8_t *in)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++, in += 4)
        w[i] = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
               (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, hash, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t one = v[7] + (turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + rounds[i] + w[i];
        uint32_t two = (turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22)) +
                       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) hash[i] += v[i];
}

/* SHA-256 of a block of 64 octets followed by the data. */
static void sha256(const uint8_t first[64], const uint8_t *data, size_t n, uint8_t out[32])
{
    uint32_t hash[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[128] = {0};
    uint64_t bits = (64 + (uint64_t)n) * 8;
    size_t end = n % 64 < 56 ? 64 : 128;
    block(hash, first);
    for (; n >= 64; data += 64, n -= 64) block(hash, data);
    memcpy(last, data, n);
    last[n] = 0x80;
    for (int i = 0; i < 8; i++) last[end - 1 - i] = (uint8_t)(bits >> 8 * i);
    block(hash, last);
    if (end == 128) block(hash, last + 64);
    for (int i = 0; i < 32; i++) out[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

static void hmac(const uint8_t key[KEY], const uint8_t *data, size_t n, uint8_t out[32])
{
    uint8_t inner[64], outer[64], digest[32];
    for (int i = 0; i < 64; i++) {
        inner[i] = (i < KEY ? key[i] : 0) ^ 0x36;
        outer[i] = inner[i] ^ 0x36 ^ 0x5c;
    }
    sha256(inner, data, n, digest);
    sha256(outer, digest, sizeof digest, out);
}

/* ---- Framing (3) */

static uint16_t fcs(const uint8_t *octets, size_t n)
{
    uint16_t fcs = 0xFFFF;
    while (n--) {
        fcs ^= *octets++;
        for (int i = 0; i < 8; i++) fcs = fcs & 1 ? (uint16_t)(fcs >> 1 ^ 0x8408) : (uint16_t)(fcs >> 1);
    }
    return fcs;
}

/* The octets on the line of a content, behind which there is room for the FCS. */
static size_t framed(uint8_t *content, size_t n, uint8_t *out)
{
    uint16_t inverted = (uint16_t)~fcs(content, n);
    size_t at = 0;
    content[n] = inverted & 0xFF;
    content[n + 1] = (uint8_t)(inverted >> 8);
    out[at++] = FLAG;
    for (size_t i = 0; i < n + 2; i++) {
        int bare = content[i] >= 0x20 && content[i] != ESCAPE && content[i] != FLAG;
        if (!bare) out[at++] = ESCAPE;
        out[at++] = bare ? content[i] : content[i] ^ 0x20;
    }
    out[at++] = FLAG;
    return at;
}

static struct { int open; size_t escaped, n; uint8_t octets[FRAME_MAX]; } in;

/* One octet of the line: NULL, "" where a content of *n octets now stands in in.octets, or why a frame was dropped. */
static const char *received(uint8_t octet, size_t *n)
{
    const char *why = NULL;
    if (octet == FLAG) {
        if (in.open && in.escaped) why = "abort";
        else if (in.open && in.n) why = in.n <= 4 ? "short" : fcs(in.octets, in.n) != 0xF0B8 ? "fcs" : "";
        *n = in.n - 2;
        in.open = 1;
        in.n = in.escaped = 0;
    } else if (in.open && octet == ESCAPE && !in.escaped) {
        in.escaped = 1;
    } else if (in.open && octet >= 0x20 && in.n == FRAME_MAX) {
        in.open = 0;
        why = "long";
    } else if (in.open && octet >= 0x20) {
        in.octets[in.n++] = in.escaped ? octet ^ 0x20 : octet;
        in.escaped = 0;
    }
    return why;
}

/* Why a content is dropped by the checks of section 4, in their order, at a meter; NULL where it stands. */
static const char *refuted(const uint8_t *content, size_t n)
{
    uint8_t mac[32], wrong = 0, type = content[2];
    size_t body = type == ACK ? 25 : 42;
    int exists = (type >= 0x10 && type <= 0x15) || type == 0x18 || type == 0x19 || (type >= 0x20 && type <= 0x2E) ||
                 (type >= 0x40 && type <= 0x4B) || type == 0x60 || type == 0x61;
    if (n < HEADER) return "short";
    if (content[0] != VERSION) return "version";
    if (content[1] & RESERVED || (content[1] & LINK) != HAN || !(content[1] & FROM_HUB)) return "address";
    if (!exists) return "type";
    if (type != ACK && type != REFUSAL && type != GBCS) return "address";
    if ((content[1] ^ address) & MARK) return "mark";
    if (type == GBCS) return n - HEADER > GBCS_MAX ? "length" : NULL;
    if (n != HEADER + body + MAC) return "length";
    hmac(meter.key, content, n - MAC, mac);
    for (int i = 0; i < MAC; i++) wrong |= mac[i] ^ content[n - MAC + i]; /* 5: in a time that shows nothing */
    return wrong ? "mac" : NULL;
}

/* ---- The counter, durable before it is first sent (5) */

static uint64_t number(const uint8_t *octets)
{
    uint64_t value = 0;
    for (int i = 0; i < COUNTER; i++) value = value << 8 | octets[i];
    return value;
}

/* The next counter above all that were used and above the floor. The file has one for each line; the last may be torn,
 * for want of power: that one was not sent. Where there is no file the meter's past is lost, so it must be there. */
static uint64_t counter_next(uint64_t highest)
{
    char text[32];
    FILE *file = fopen(counter_path, "r");
    int used = open(counter_path, O_WRONLY | O_APPEND | O_DSYNC);
    if (!file || used < 0) FAIL("The counter file %s cannot be used: a new meter's is empty.", counter_path);
    while (fgets(text, sizeof text, file))
        if (strlen(text) == 17 && strtoull(text, NULL, 16) > highest) highest = strtoull(text, NULL, 16);
    fclose(file);
    if (highest++ == UINT64_MAX) FAIL("The counters are used up: the meter needs a new key.");
    snprintf(text, sizeof text, "\n%016llx\n", (unsigned long long)highest);
    if (write(used, text, 18) != 18) FAIL("The counter file %s cannot be written.", counter_path);
    close(used);
    return highest;
}

/* ---- Messages (7) */

static uint8_t *put(uint8_t *at, const void *octets, size_t n) { return (uint8_t *)memcpy(at, octets, n) + n; }

static size_t message(uint8_t *content, int type, uint64_t counter, const uint8_t *nonce)
{
    const uint8_t header[HEADER] = {VERSION, address, (uint8_t)type};
    uint8_t mac[32], *at = put(put(content, header, HEADER), meter.esme_hub, 2 * EUI);
    for (int shift = 56; shift >= 0; shift -= 8) *at++ = (uint8_t)(counter >> shift);
    if (type == PENDING) at = put(put(at, meter.image, 32), meter.durations, sizeof meter.durations);
    if (type == COMPLETE) at = put(put(at, meter.image, 32), meter.outcome, sizeof meter.outcome);
    if (type == SYNC) at = put(at, nonce, COUNTER);
    hmac(meter.key, content, (size_t)(at - content), mac);
    return (size_t)(put(at, mac, MAC) - content);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes what the line brings until `until_ms`: the body of what answers (type, counter), or NULL. */
static const uint8_t *answer(int type, uint64_t counter, int64_t until_ms, int *acked)
{
    for (;;) {
        const uint8_t *body = in.octets + HEADER;
        uint8_t octet;
        size_t n;
        const char *why;
        int64_t left = until_ms - now_ms();
        struct pollfd ready = {line, POLLIN, 0};
        if (left <= 0 || poll(&ready, 1, (int)left) <= 0) return NULL;
        if (ready.revents & (POLLHUP | POLLERR | POLLNVAL)) FAIL("The line is gone: is the hub still there?");
        if (!(ready.revents & POLLIN) || read(line, &octet, 1) != 1 || !(why = received(octet, &n))) continue;
        if (!*why) why = refuted(in.octets, n);
        if (!why && in.octets[2] == GBCS) why = "gbcs";
        if (!why && (body[16] != type || number(body + 17) != counter)) why = "stale";
        if (!why && in.octets[2] == ACK && memcmp(body, meter.esme_hub, 2 * EUI)) why = "stale";
        if (!why) return *acked = in.octets[2] == ACK, body;
        printf("dropped %s\n", why);
    }
}

/* Sends and repeats the same octets until they are answered. The body of the flag_refusal, NULL once acknowledged. */
static const uint8_t *told(int type, uint64_t counter, const uint8_t *nonce)
{
    uint8_t content[128], wire[2 * sizeof content];
    size_t n = framed(content, message(content, type, counter, nonce), wire);
    const char *name = types[type - PENDING];
    int done = type == COMPLETE || type == CANCEL, acked = 0;
    int64_t next_ms = now_ms(), end_ms = next_ms + (done ? DONE_GIVE_UP_MS : GIVE_UP_MS) / faster;
    for (int tries = 1; next_ms < end_ms; tries++) {
        const uint8_t *body;
        next_ms += (done ? DONE_RETRY_MS : RETRY_MS) / faster;
        printf("sent %s counter=%llx try=%d\n", name, (unsigned long long)counter, tries);
        if (write(line, wire, n) != (ssize_t)n) printf("lost: the line is full\n"); /* the next try heals it */
        body = answer(type, counter, next_ms < end_ms ? next_ms : end_ms, &acked);
        if (!body) continue;
        printf("%s %s counter=%llx", acked ? "acknowledged" : "refused", name, (unsigned long long)counter);
        if (acked) return putchar('\n'), NULL;
        printf(" reason=%s floor=%llx\n", body[25] < sizeof reasons / sizeof *reasons ? reasons[body[25]] : "?",
               (unsigned long long)number(body + 26));
        return body;
    }
    FAIL("The hub does not answer %s: defer the activation, and check key, EUI-64s and strap.", name);
    return NULL;
}

/* One message of the meter's until it is acknowledged, as the table of section 7 says; else the program ends here. */
static void accepted(int type)
{
    uint64_t floor = 0;
    int counters = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint8_t nonce[COUNTER];
        const uint8_t *refusal = told(type, counter_next(floor), NULL);
        if (!refusal) return;
        if (refusal[25] == REFUSED_UNSYNCED) {
            memcpy(nonce, refusal + 34, sizeof nonce);
            refusal = told(SYNC, counter_next(0), nonce);
            if (!refusal || refusal[25] == REFUSED_NONCE) continue;
        }
        if (refusal[25] == REFUSED_PEER) FAIL("The hub is another or has another meter: check the two EUI-64s.");
        if (refusal[25] == REFUSED_RANGE) FAIL("A duration is out of range: mend it.");
        if (refusal[25] != REFUSED_COUNTER || counters++ == COUNTER_TRIES) break;
        floor = number(refusal + 26);
    }
    FAIL("The hub cannot take it now: defer the activation, and try again in 15 min or more.");
}

/* ---- Set-up */

/* How many octets the hexadecimal text gives, or one more than there can be where it is none or too long. */
static size_t octets_of(const char *hex, uint8_t *out, size_t most)
{
    size_t n = 0;
    for (; n < most && isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2)
        sscanf(hex, "%2hhx", &out[n++]);
    return *hex ? most + 1 : n;
}

static void take(const char *what, const char *hex, uint8_t *out, size_t n)
{
    if (octets_of(hex, out, n) != n) FAIL("The %s must be %u hexadecimal digits.", what, (unsigned)(2 * n));
}

static void take_key(const char *path)
{
    char digits[2 * KEY + 2] = "";
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%65s", digits) != 1) FAIL("The key file %s cannot be read.", path);
    fclose(file);
    take("key in the key file", digits, meter.key, KEY);
}

static void open_line(const char *path)
{
    struct termios raw;
    line = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (line < 0 || tcgetattr(line, &raw)) FAIL("%s is no serial port that can be opened.", path);
    cfmakeraw(&raw);
    raw.c_cflag |= CREAD | CLOCAL;
    cfsetspeed(&raw, B115200);
    if (tcsetattr(line, TCSANOW, &raw)) FAIL("%s cannot be made raw.", path);
}

/* ---- Self-test: each line of stdin is a check, octets in hexadecimal, "-" for none:
 * hmac KEY DATA DIGEST | frame CONTENT LINE | line LINE CONTENT,... DROP,... | drop KEY MARKED CONTENT WHY */

static void append(char *list, const uint8_t *octets, size_t n, const char *word)
{
    list += strlen(strcat(list, *list ? "," : ""));
    for (size_t i = 0; i < n; i++) sprintf(list + 2 * i, "%02X", octets[i]);
    strcat(list, word);
}

static int self_test(void)
{
    static char row[20000], first[8000], second[8000], third[8000], wanted[9], got[8000], drops[1000];
    static uint8_t data[4000], wire[4000];
    int checks = 0, failed = 0;
    for (; fgets(row, sizeof row, stdin); checks++, *got = *drops = 0) {
        char what[9];
        const char *why;
        int words = sscanf(row, "%8s %7999s %7999s %7999s %8s", what, first, second, third, wanted);
        size_t n, out;
        if (words >= 4 && (*what == 'h' || *what == 'd')) take("key", first, meter.key, KEY);
        if (!strcmp(what, "hmac") && words == 4) {
            n = *second == '-' ? 0 : octets_of(second, data, sizeof data);
            hmac(meter.key, data, n, wire);
            append(got, wire, 32, "");
            failed += strncmp(got, third, strlen(third)) != 0; /* a MAC is cut */
        } else if (!strcmp(what, "frame") && words == 3) {
            n = octets_of(first, data, FRAME_MAX - 2);
            append(got, wire, framed(data, n, wire), "");
            failed += strcmp(got, second) != 0;
        } else if (!strcmp(what, "line") && words == 4) {
            n = octets_of(first, wire, sizeof wire);
            memset(&in, 0, sizeof in);
            for (size_t i = 0; i < n; i++)
                if ((why = received(wire[i], &out))) append(*why ? drops : got, in.octets, *why ? 0 : out, why);
            failed += strcmp(*got ? got : "-", second) || strcmp(*drops ? drops : "-", third);
        } else if (!strcmp(what, "drop") && words == 5) {
            address = *second == '1' ? MARK | HAN : HAN;
            n = octets_of(third, data, sizeof data);
            why = refuted(data, n);
            failed += strcmp(why ? why : "-", wanted) != 0;
        } else {
            FAIL("This is no check: %s", row);
        }
    }
    return printf("checked %d failed %d\n", checks, failed), failed || !checks;
}

int main(int count, char **arguments)
{
    int option;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && !strcmp(arguments[1], "--selftest")) return self_test();
    while ((option = getopt(count, arguments, "lf:d:i:o:")) != -1) {
        if (option == 'l') address = HAN;
        else if (option == 'f') faster = atoi(optarg);
        else if (option == 'd') take("durations", optarg, meter.durations, sizeof meter.durations);
        else if (option == 'i') take("image hash", optarg, meter.image, sizeof meter.image);
        else if (option == 'o') take("outcome", optarg, meter.outcome, sizeof meter.outcome);
        else return 1;
    }
    arguments += optind;
    if (count - optind < 6 || faster < 1 || faster > 100)
        FAIL("Usage: meter [-l] [-f 1..100] [-d EXPECTED_OUTAGE_S+VALID_S] [-i IMAGE_HASH] [-o RESULT+VERSION] "
             "TTY KEY_FILE COUNTER_FILE ESME HUB pending|complete|cancel...");
    take_key(arguments[1]);
    counter_path = arguments[2];
    take("meter's EUI-64", arguments[3], meter.esme_hub, EUI);
    take("hub's EUI-64", arguments[4], meter.esme_hub + EUI, EUI);
    open_line(arguments[0]);
    for (arguments += 5; *arguments; arguments++) {
        int type = PENDING;
        while (type < SYNC && strcmp(*arguments, types[type - PENDING] + strlen("activation_"))) type++;
        if (type == SYNC) FAIL("'%s' is not pending, complete or cancel.", *arguments);
        accepted(type);
    }
    return 0;
}
