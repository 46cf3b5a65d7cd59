#!/usr/bin/env python3
"""Makes keys.json: private keys where libraries fail, and wrong ones that an agent must refuse.

    python3 tests/vectors/make_keys.py > tests/vectors/keys.json

Only Python's standard library, and every number from one fixed seed: running it again gives the same bytes
(a test of this directory compares nothing but the file, so run it after a change here). The mathematics are
written out in order to owe nothing to the libraries that are tested with them.

An entry: name; type; public and private, the fields after the type on the wire, each "mpint HEX" (a number,
encoded by the reader) or "string HEX" (bytes taken as they are); real, true where both halves are right and
the sizes allowed by somebody; signature, the packed signature with flags 0 over the tests' data, where it is
deterministic. Whether an agent takes an entry is in verdicts.txt, found by running OpenSSH's.
"""
import hashlib
import json
import math
import random
import struct

R = random.Random("myagent key vectors, 1")
VECTORS = []


def be(number, size=None):
    return number.to_bytes((number.bit_length() + 7) // 8 if size is None else size, "big")


def string(data):
    return "string " + (data if isinstance(data, bytes) else data.encode()).hex()


def mpint(number):
    return "mpint " + be(number).hex()


def packed(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def vector(name, kind, public, private, real=True, signature=None):
    entry = {"name": name, "type": kind, "real": real, "public": public, "private": private}
    if signature is not None:
        entry["signature"] = signature.hex()
    VECTORS.append(entry)


# What is signed: the same bytes as tests/support/keys.rs makes.
DATA = b"SSHSIG" + packed(b"myagent-test", b"", b"sha512", hashlib.sha512(b"myagent\n").digest())


# ECDSA: short Weierstrass curves with a = -3, affine points, None at infinity.
class Curve:
    def __init__(self, name, bits, p, b, n, gx, gy):
        self.name, self.bits, self.p, self.b, self.n, self.g = name, bits, p, b, n, (gx, gy)
        self.size = (bits + 7) // 8
        assert n.bit_length() == bits and (gy * gy - gx**3 + 3 * gx - b) % p == 0
        assert self.add(self.times(n - 1), self.g) is None

    def add(self, one, two):
        if one is None or two is None:
            return one or two
        (x1, y1), (x2, y2), p = one, two, self.p
        if x1 == x2:
            if (y1 + y2) % p == 0:
                return None
            slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, p) % p
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, p) % p
        x3 = (slope * slope - x1 - x2) % p
        return x3, (slope * (x1 - x3) - y1) % p

    def times(self, scalar):
        result, power = None, self.g
        while scalar:
            if scalar & 1:
                result = self.add(result, power)
            power = self.add(power, power)
            scalar >>= 1
        return result

    def octets(self, point):
        return b"\x04" + be(point[0], self.size) + be(point[1], self.size)


CURVES = [
    Curve("nistp256", 256, 2**256 - 2**224 + 2**192 + 2**96 - 1,
          0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
          0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
          0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
          0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5),
    Curve("nistp384", 384, 2**384 - 2**128 - 2**96 + 2**32 - 1,
          0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
          0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
          0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
          0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F),
    Curve("nistp521", 521, 2**521 - 1,
          0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
          0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
          0x00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
          0x011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650),
]


def ecdsa(curve, label, scalar, octets=None, real=True, name=None, secret=None):
    """`secret` is the private field as text, where it is not simply the scalar."""
    if octets is None:
        octets = curve.octets(curve.times(scalar))
    public = [string(name or curve.name), string(octets)]
    private = public + [secret or mpint(scalar)]
    vector(f"{curve.name}-{label}", "ecdsa-sha2-" + curve.name, public, private, real)


def scalar_of(curve, zeros, high):
    """A scalar with so many leading zero bytes; the highest bit of the next byte set or clear."""
    rest = R.getrandbits(8 * (curve.size - zeros - 1))
    top = R.randrange(0x80, 0xFF) if high else R.randrange(1, 0x80)
    return top << (8 * (curve.size - zeros - 1)) | rest


def curve_vectors(curve):
    n, full = curve.n, curve.bits // 8 * 8 == curve.bits
    for label, scalar in (("1", 1), ("2", 2), ("n-2", n - 2), ("n-1", n - 1)):
        ecdsa(curve, "scalar-" + label, scalar)
    half = curve.bits // 2
    ecdsa(curve, "scalar-half-the-bits", R.getrandbits(half) | 1 << (half - 1))
    ecdsa(curve, "scalar-half-the-bits-and-one", R.getrandbits(half) | 1 << half)
    for zeros in range(0, 5):
        for high in (False, True):
            if zeros == 0 and not full:
                continue
            ecdsa(curve, f"zero-bytes-{zeros}-high-bit-{'set' if high else 'clear'}", scalar_of(curve, zeros, high))
    if not full:
        ecdsa(curve, "zero-bytes-0", 1 << (curve.bits - 1) | R.getrandbits(curve.bits - 2))
    # Coordinates with leading zero bytes: walk along the curve until both were met.
    missing = {"x": 0, "y": 1}
    scalar = scalar_of(curve, 1, True)
    point = curve.times(scalar)
    while missing:
        for label, index in list(missing.items()):
            if point[index] >> (curve.bits - 16) == 0:
                ecdsa(curve, f"short-{label}", scalar)
                del missing[label]
        scalar, point = scalar + 1, curve.add(point, curve.g)

    scalar = scalar_of(curve, 1, True)
    point = curve.times(scalar)
    good = curve.octets(point)
    wrong = lambda label, octets=good, **more: ecdsa(curve, label, scalar, octets, False, **more)
    wrong("wrong-halves", curve.octets(curve.times(scalar + 1)))
    wrong("wrong-negated-point", curve.octets((point[0], curve.p - point[1])))
    wrong("wrong-off-curve", curve.octets((point[0], point[1] ^ 1)))
    wrong("wrong-infinity", b"\x00")
    wrong("wrong-empty-point", b"")
    wrong("wrong-compressed", bytes([2 + point[1] % 2]) + be(point[0], curve.size))
    wrong("wrong-hybrid", bytes([6 + point[1] % 2]) + good[1:])
    wrong("wrong-point-short", good[:-1])
    wrong("wrong-point-long", good + b"\x00")
    wrong("wrong-curve-name", name="nistp384" if curve.bits != 384 else "nistp256")
    wrong("wrong-curve-name-unknown", name="nistp192")
    wrong("wrong-scalar-0", secret=mpint(0))
    wrong("wrong-scalar-0-generator", curve.octets(curve.g), secret=mpint(0))
    wrong("wrong-scalar-n", curve.octets(curve.g), secret=mpint(n))
    wrong("wrong-scalar-n-plus-1", curve.octets(curve.g), secret=mpint(n + 1))
    wrong("wrong-scalar-plus-n", secret=mpint(scalar + n))
    wrong("wrong-scalar-negative", secret=string(b"\xff" + be(scalar)))
    wrong("wrong-scalar-too-long", secret=mpint(scalar << 600))
    if curve.bits == 521:
        wrong("wrong-x-plus-p", b"\x04" + be(point[0] + curve.p, 66) + be(point[1], 66))
    other = CURVES[(CURVES.index(curve) + 1) % 3]
    wrong("wrong-point-of-another-curve", other.octets(other.times(scalar % other.n)))
    # A number with bytes that it does not need: RFC 4251 forbids it.
    ecdsa(curve, "scalar-padded", scalar, secret=string(b"\x00\x00" + be(scalar)))


# Ed25519, RFC 8032.
P25519 = 2**255 - 19
L25519 = 2**252 + 27742317777372353535851937790883648493
D25519 = -121665 * pow(121666, -1, P25519) % P25519


def edwards_add(one, two):
    (x1, y1), (x2, y2) = one, two
    k = D25519 * x1 * x2 * y1 * y2 % P25519
    return ((x1 * y2 + x2 * y1) * pow(1 + k, -1, P25519) % P25519,
            (y1 * y2 + x1 * x2) * pow(1 - k, -1, P25519) % P25519)


def edwards_base():
    y = 4 * pow(5, -1, P25519) % P25519
    square = (y * y - 1) * pow(D25519 * y * y + 1, -1, P25519) % P25519
    x = pow(square, (P25519 + 3) // 8, P25519)
    if x * x % P25519 != square:
        x = x * pow(2, (P25519 - 1) // 4, P25519) % P25519
    return (x if x % 2 == 0 else P25519 - x), y


BASE = edwards_base()


def edwards_times(scalar):
    result, power = (0, 1), BASE
    while scalar:
        if scalar & 1:
            result = edwards_add(result, power)
        power = edwards_add(power, power)
        scalar >>= 1
    return (result[1] | (result[0] & 1) << 255).to_bytes(32, "little")


def little(digest):
    return int.from_bytes(digest, "little")


def ed25519_secret(seed):
    digest = hashlib.sha512(seed).digest()
    return (little(digest[:32]) & (2**254 - 8)) | 2**254, digest[32:]


def ed25519_public(seed):
    return edwards_times(ed25519_secret(seed)[0])


def ed25519_sign(seed, message):
    scalar, prefix = ed25519_secret(seed)
    public = edwards_times(scalar)
    nonce = little(hashlib.sha512(prefix + message).digest()) % L25519
    point = edwards_times(nonce)
    challenge = little(hashlib.sha512(point + public + message).digest()) % L25519
    return point + ((nonce + challenge * scalar) % L25519).to_bytes(32, "little")


def ed25519(label, seed, public=None, secret=None, real=True):
    right = ed25519_public(seed)
    public = right if public is None else public
    secret = seed + right if secret is None else secret
    signature = packed(b"ssh-ed25519", ed25519_sign(seed, DATA)) if real else None
    vector("ed25519-" + label, "ssh-ed25519", [string(public)], [string(public), string(secret)], real, signature)


def ed25519_vectors():
    seed = lambda: R.getrandbits(256).to_bytes(32, "big")
    ed25519("plain", seed())
    ed25519("seed-all-zero", bytes(32))
    ed25519("seed-all-ones", b"\xff" * 32)
    for zeros in (1, 2, 4, 31):
        ed25519(f"seed-zero-bytes-{zeros}", bytes(zeros) + seed()[zeros:])
    ed25519("seed-zero-end", seed()[:28] + bytes(4))
    for label, want in (("public-zero-first", lambda key: key[0] == 0), ("public-zero-last", lambda key: key[31] == 0),
                        ("public-sign-set", lambda key: key[31] >= 0x80), ("public-sign-clear", lambda key: key[31] < 0x80)):
        candidate = seed()
        while not want(ed25519_public(candidate)):
            candidate = seed()
        ed25519(label, candidate)
    mine, other = seed(), ed25519_public(seed())
    right = ed25519_public(mine)
    wrong = lambda label, **more: ed25519("wrong-" + label, mine, real=False, **more)
    wrong("halves", public=other)
    wrong("halves-in-secret", secret=mine + other)
    wrong("seed", public=other, secret=mine + other)
    wrong("public-31", public=right[:31])
    wrong("public-33", public=right + b"\x00")
    wrong("public-empty", public=b"")
    wrong("secret-32", secret=mine)
    wrong("secret-63", secret=(mine + right)[:63])
    wrong("secret-65", secret=mine + right + b"\x00")
    wrong("secret-empty", secret=b"")


# RSA.
SMALL = [n for n in range(3, 2000, 2) if all(n % k for k in range(3, int(n**0.5) + 1, 2))]


def is_prime(number):
    if number % 2 == 0 or any(number % small == 0 for small in SMALL):
        return number in SMALL
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(12):
        x = pow(R.randrange(2, number - 1), odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


def prime(bits, coprime=65537):
    """A prime of exactly so many bits, the two highest set, that suits the public exponent."""
    while True:
        candidate = R.getrandbits(bits) | 3 << (bits - 2) | 1
        if math.gcd(candidate - 1, coprime) == 1 and is_prime(candidate):
            return candidate


def lcm_d(p, q, e):
    return pow(e, -1, math.lcm(p - 1, q - 1))


def rsa(label, p, q, e=65537, d=None, n=None, iqmp=None, real=True, raw_n=None):
    n = p * q if n is None else n
    d = lcm_d(p, q, e) if d is None else d
    iqmp = pow(q, -1, p) if iqmp is None else iqmp
    signature = None
    if real:
        size = (n.bit_length() + 7) // 8
        info = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(DATA).digest()
        block = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        signed = pow(int.from_bytes(block, "big"), d, n)
        assert pow(signed, e, n) == int.from_bytes(block, "big"), label
        signature = packed(b"ssh-rsa", be(signed, size))
    number = raw_n or mpint(n)
    vector("rsa-" + label, "ssh-rsa", [mpint(e), number],
           [number, mpint(e), mpint(d), mpint(iqmp), mpint(p), mpint(q)], real, signature)


def short_iqmp(half, zeros):
    """Primes p and q of one size whose iqmp has so many leading zero bytes: q is the inverse of a short number."""
    p = prime(half)
    while True:
        iqmp = R.getrandbits(half - 8 * zeros) | 1 << (half - 8 * zeros - 1)
        q = pow(iqmp, -1, p)
        if q >> (half - 2) == 3 and (q - 1) % 65537 and q != p and is_prime(q):
            return p, q


def short_d(p, q, zeros, form):
    """A public exponent of at most 32 bits that gives a d with so many leading zero bytes."""
    size = (p * q).bit_length()
    while True:
        e = R.getrandbits(31) | 1 << 31 | 1
        if math.gcd(e, (p - 1) * (q - 1)) == 1:
            d = pow(e, -1, form(p, q))
            if d.bit_length() <= size - 8 * zeros:
                return e, d


def rsa_vectors(bits):
    half = bits // 2
    p, q = sorted((prime(half), prime(half)), reverse=True)
    phi = (p - 1) * (q - 1)
    rsa(f"{bits}-d-by-lcm", p, q)
    rsa(f"{bits}-d-by-phi", p, q, d=pow(65537, -1, phi))
    rsa(f"{bits}-p-below-q", q, p)
    for zeros in (1, 2) if bits == 1024 else (1,):
        e, d = short_d(p, q, zeros, lambda p, q: (p - 1) * (q - 1))
        rsa(f"{bits}-short-d-{zeros}", p, q, e=e, d=d)
        rsa(f"{bits}-short-iqmp-{zeros}", *short_iqmp(half, zeros))
    rsa(f"{bits}-short-p", prime(half - 8), prime(half + 8))
    rsa(f"{bits}-short-q", prime(half + 8), prime(half - 8))
    rsa(f"{bits}-unequal-primes", prime(half + 100), prime(half - 100))
    rsa(f"{bits}-e-3", prime(half, 3), prime(half, 3), e=3)
    e = 2**32 + 15
    rsa(f"{bits}-e-33-bits", prime(half, e), prime(half, e), e=e)


def rsa_wrong():
    p, q = prime(512), prime(512)
    n, d = p * q, lcm_d(p, q, 65537)
    other = prime(512)
    wrong = lambda label, p=p, q=q, **more: rsa("wrong-" + label, p, q, real=False, **more)
    wrong("halves", n=p * other)
    wrong("d", d=d + 2)
    wrong("d-zero", d=0)
    wrong("p", p=other, n=n, d=d, iqmp=pow(q, -1, p))
    wrong("p-and-q-exchanged", p=q, q=p, iqmp=pow(q, -1, p))
    wrong("p-is-1", p=1, q=n, n=n, d=d, iqmp=1)
    wrong("iqmp", iqmp=pow(q, -1, p) ^ 2)
    wrong("iqmp-zero", iqmp=0)
    wrong("iqmp-plus-p", iqmp=pow(q, -1, p) + p)
    wrong("n-even", n=n + 1, d=d)
    wrong("n-negative", raw_n=string(be(n)))
    wrong("n-zero", n=0, d=d)
    wrong("e-even", e=65536, d=d)
    wrong("e-1", e=1, d=1)
    wrong("e-0", e=0, d=d)
    wrong("p-equals-q", q=p, d=pow(65537, -1, p * (p - 1)), iqmp=1)
    # Right in themselves, but of a size that is refused.
    e = 2**33 + 17
    wrong("e-34-bits", p=prime(512, e), q=prime(512, e), e=e)
    wrong("1023-bits", p=prime(511), q=prime(512))
    wrong("512-bits", p=prime(256), q=prime(256))
    wrong("n-of-16392-bits", n=1 << 16391 | 1, d=d)


def dsa():
    q = prime(160, 1)
    while True:
        p = (R.getrandbits(1024) | 1 << 1023) // q // 2 * 2 * q + 1
        if p.bit_length() == 1024 and is_prime(p):
            break
    g = pow(2, (p - 1) // q, p)
    x = R.randrange(1, q)
    public = [mpint(p), mpint(q), mpint(g), mpint(pow(g, x, p))]
    vector("wrong-type-ssh-dss", "ssh-dss", public, public + [mpint(x)], False)


def other_types():
    dsa()
    seed = R.getrandbits(256).to_bytes(32, "big")
    public = ed25519_public(seed)
    for kind in ("ssh-ed448", "ssh-ed25519@example.com", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512", "", "ssh-ed25519\0"):
        label = kind.replace("\0", "-nul") or "empty"
        vector("wrong-type-" + label, kind, [string(public)], [string(public), string(seed + public)], False)


for each in CURVES:
    curve_vectors(each)
ed25519_vectors()
for each in (1024, 2048, 3072):
    rsa_vectors(each)
rsa_wrong()
other_types()
assert len({entry["name"] for entry in VECTORS}) == len(VECTORS)
print("[\n" + ",\n".join(json.dumps(entry) for entry in VECTORS) + "\n]")
