//! The tree and its proofs: published vectors, and every size up to 70 against the definitions of RFC 9162 written out.

use adjutant_ledger::proof::{self, consistency, inclusion, verify_consistency, verify_inclusion};
use adjutant_ledger::{Hash, Tree, leaf, node};
use sha2::{Digest as _, Sha256};

const SIZE_MAX: u64 = 70;

/// Inputs and roots that every implementation of Certificate Transparency is tested with.
const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn the_published_roots() {
    let mut tree = Tree::new();
    assert_eq!(tree.root().to_string(), ROOTS[0]);
    for (entry, root) in ENTRIES.iter().zip(&ROOTS[1..]) {
        tree.append(leaf(entry));
        assert_eq!(tree.root().to_string(), *root, "{} entries", tree.len());
    }
}

/// Proofs that belong to the same inputs.
#[test]
fn the_published_proofs() {
    let leaves: Vec<Hash> = ENTRIES.iter().map(|entry| leaf(entry)).collect();
    let shown = |proof: Result<Vec<Hash>, proof::Error>| proof.unwrap().iter().map(Hash::to_string).collect::<Vec<_>>();
    let first_of_eight = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(shown(inclusion(&leaves, 0)), first_of_eight);
    let second_of_five = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ];
    assert_eq!(shown(inclusion(&leaves[..5], 1)), second_of_five);
    let six_to_eight = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(shown(consistency(&leaves, 6)), six_to_eight);
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    (0..).map(|bit| 1 << bit).take_while(|k| *k < n).last().unwrap()
}

/// MTH of §2.1.1.
fn mth(d: &[Hash]) -> Hash {
    match d {
        [] => Hash(Sha256::digest(b"").into()),
        [only] => *only,
        _ => node(&mth(&d[..split(d.len())]), &mth(&d[split(d.len())..])),
    }
}

/// PATH of §2.1.3.1.
fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let (left, right) = d.split_at(split(d.len()));
    let (mut path, other) = if m < left.len() { (path(m, left), mth(right)) } else { (path(m - left.len(), right), mth(left)) };
    path.push(other);
    path
}

/// SUBPROOF of §2.1.4.1.
fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
    if m == d.len() {
        return if whole { Vec::new() } else { vec![mth(d)] };
    }
    let (left, right) = d.split_at(split(d.len()));
    let (mut proof, other) = if m <= left.len() {
        (subproof(m, left, whole), mth(right))
    } else {
        (subproof(m - left.len(), right, false), mth(left))
    };
    proof.push(other);
    proof
}

#[test]
fn every_tree_is_the_defined_one() {
    for size in 0..=SIZE_MAX {
        let leaves = leaves(size);
        let mut tree = Tree::new();
        tree.append_all(&leaves);
        assert_eq!((tree.len(), tree.root()), (size, mth(&leaves)));
    }
}

#[test]
fn every_inclusion_proof_is_the_defined_one_and_verifies() {
    for size in 1..=SIZE_MAX {
        let leaves = leaves(size);
        let root = mth(&leaves);
        for (index, leaf) in (0..).zip(&leaves) {
            let proof = inclusion(&leaves, index).unwrap();
            assert_eq!(proof, path(index as usize, &leaves), "{index} of {size}");
            assert_eq!(verify_inclusion(*leaf, index, size, root, &proof), Ok(()));
        }
    }
}

#[test]
fn every_consistency_proof_is_the_defined_one_and_verifies() {
    for new in 0..=SIZE_MAX {
        let leaves = leaves(new);
        for old in 0..=new {
            let (before, after) = (mth(&leaves[..old as usize]), mth(&leaves));
            let proof = consistency(&leaves, old).unwrap();
            let defined = if old == 0 { Vec::new() } else { subproof(old as usize, &leaves, true) };
            assert_eq!(proof, defined, "{old} to {new}");
            assert_eq!(verify_consistency(old, before, new, after, &proof), Ok(()), "{old} to {new}");
        }
    }
}

fn changed(hash: Hash) -> Hash {
    let mut hash = hash;
    hash.0[31] ^= 1;
    hash
}

/// Every proof with one hash changed, one left out, one added.
fn spoilt(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[Hash::default()]].concat(), [&[Hash::default()], proof].concat()];
    for at in 0..proof.len() {
        let (mut with, mut without) = (proof.to_vec(), proof.to_vec());
        with[at] = changed(with[at]);
        without.remove(at);
        all.extend([with, without]);
    }
    all
}

#[test]
fn no_spoilt_inclusion_proof_verifies() {
    for size in 1..=20 {
        let leaves = leaves(size);
        let root = mth(&leaves);
        for (index, leaf) in (0..).zip(&leaves) {
            let proof = inclusion(&leaves, index).unwrap();
            for spoilt in spoilt(&proof) {
                assert!(verify_inclusion(*leaf, index, size, root, &spoilt).is_err());
            }
            assert!(verify_inclusion(changed(*leaf), index, size, root, &proof).is_err());
            assert!(verify_inclusion(*leaf, index, size, changed(root), &proof).is_err());
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(verify_inclusion(*leaf, other, size, root, &proof).is_err(), "{index} as {other} of {size}");
            }
        }
    }
}

#[test]
fn no_spoilt_consistency_proof_verifies() {
    for new in 1..=20 {
        let leaves = leaves(new);
        for old in 0..=new {
            let (before, after) = (mth(&leaves[..old as usize]), mth(&leaves));
            let proof = consistency(&leaves, old).unwrap();
            for spoilt in spoilt(&proof) {
                assert!(verify_consistency(old, before, new, after, &spoilt).is_err(), "{old} to {new}");
            }
            assert!(verify_consistency(old, changed(before), new, after, &proof).is_err());
            // The empty tree says nothing of what grew out of it.
            assert_eq!(verify_consistency(old, before, new, changed(after), &proof).is_ok(), old == 0);
        }
    }
}

#[test]
fn what_has_no_proof_is_refused() {
    let leaves = leaves(3);
    assert_eq!(inclusion(&leaves, 3), Err(proof::Error::NoSuchEntry { index: 3, len: 3 }));
    assert_eq!(inclusion(&[], 0), Err(proof::Error::NoSuchEntry { index: 0, len: 0 }));
    assert_eq!(consistency(&leaves, 4), Err(proof::Error::Shrunk { old: 4, new: 3 }));
    let (hash, many) = (Hash::default(), vec![Hash::default(); 1000]);
    for (small, large) in [(u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX - 1, u64::MAX), (u64::MAX, 0)] {
        assert!(verify_inclusion(hash, small, large, hash, &many).is_err());
        assert!(verify_consistency(small, hash, large, hash, &many).is_err());
        assert!(proof::inclusion_parts(small, large).is_err());
        assert!(proof::consistency_parts(small, large).is_err());
    }
    let max = adjutant_ledger::tree::LEN_MAX;
    assert_eq!(proof::inclusion_parts(max - 1, max).unwrap().len(), 62);
    assert!(verify_inclusion(hash, max - 1, max, hash, &many).is_err());
    assert!(verify_consistency(max - 1, hash, max, hash, &many).is_err());
}
