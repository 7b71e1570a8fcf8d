"""Clusters of proteins by sequence identity, from the residues in their structure files."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np
from scipy.cluster.hierarchy import DisjointSet
from scipy.sparse import csr_matrix

from deepchem_density.errors import FeaturizationError
from deepchem_density.tables.residue_numbers import LONGEST_POCKET, same_protein_pairs
from deepchem_density.tables.splits import joined_groups

__all__ = ["chain_sequences", "cluster_sequences", "sequence_clusters", "sequence_identity"]

logger = logging.getLogger(__name__)

SHORTEST_CHAIN = 20
"""Chains with fewer residues count only where a structure has no longer one: peptides, and bits of a neighbouring chain."""

ABOVE_CHANCE = 40
"""Half bits (units of BLOSUM62) that an alignment must score above that of a reversed sequence."""

_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_WORD = 3
_BLOCK = 512

# names that force fields give to protonation states, and that are no entries of the chemical component dictionary
_FORCE_FIELD = {"HID": "H", "HIE": "H", "HIP": "H", "HSD": "H", "HSE": "H", "HSP": "H", "CYX": "C", "CYM": "C"}
_FORCE_FIELD |= {"ASH": "D", "GLH": "E", "LYN": "K", "ARN": "R", "TYM": "Y"}


def chain_sequences(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the amino-acid sequence of each chain of a structure file, as far as there are coordinates.

    Parameters
    ----------
    path : path
        PDB, mmCIF, or either gzipped. Of several models the first counts, of alternative residues the first.

    Returns
    -------
    tuple of str
        One-letter codes in the order of the file; chains without amino acids are left out. Modified residues stand for
        their parent (MSE is M), names such as HID or CYX for their amino acid; residues without a known one (UNK) are
        left out, so that a receptor of UNK alone has no sequence.

    Raises
    ------
    FeaturizationError
        If the file cannot be read.
    """
    return tuple(_sequence(chain) for chain in _chains(path))


def _chains(path: str | os.PathLike[str]) -> list[list[tuple[str, str]]]:
    """Return number and letter of each residue of each chain, as far as it is an amino acid."""
    try:
        models = gemmi.read_structure(os.fspath(path))
        chains = list(models[0]) if len(models) else []
    except (OSError, RuntimeError, ValueError) as error:
        raise FeaturizationError(
            f"No sequence can be read from '{path}' ({error}); give a PDB or mmCIF file."
        ) from error
    residues: dict[str, list[tuple[str, str]]] = {}
    for chain in chains:
        named = ((str(residue.seqid), _letter(residue.name)) for residue in chain.first_conformer())
        residues.setdefault(chain.name, []).extend((number, letter) for number, letter in named if letter)
    return [chain for chain in residues.values() if chain]


def _sequence(chain: list[tuple[str, str]]) -> str:
    return "".join(letter for _, letter in chain)


def sequence_identity(first: str, second: str) -> float:
    """Return the identity of two chains, from 0 to 1.

    It is the number of identical pairs in their best global alignment (of several, the one that gemmi finds; Needleman and
    Wunsch 1970, doi:10.1016/0022-2836(70)90057-4), divided by the length of the shorter one. Pairs score as in BLOSUM62 and
    a gap of any length costs 10, since the residues of a pocket come from stretches far apart in their protein.

    Chance alone aligns half of the scattered residues of a pocket with equal ones in a long protein. An alignment that does
    not score 40 (20 bits) above that with the second sequence reversed therefore counts as identity 0, so that fragments
    below some ten residues resemble only what is equal to them.

    Raises
    ------
    ValueError
        If a sequence is empty or holds other letters than the twenty amino acids.
    """
    for sequence in (first, second):
        if not sequence or set(sequence) - set(_LETTERS):
            raise ValueError(f"'{sequence}' is no sequence; one or more of the letters {_LETTERS} are accepted")
    return _identity(_residues(first), _residues(second), _scoring())


def sequence_clusters(paths: Sequence[str | os.PathLike[str]], identity: float = 0.4) -> np.ndarray:
    """Cluster proteins or pockets by the sequences in their files, to split without leaking homologues.

    Parameters
    ----------
    paths : sequence of path
        (n,) structure files; one that occurs several times is read once.
    identity
        As in `cluster_sequences`.

    Returns
    -------
    np.ndarray
        (n,) int64, the cluster of each, from 0 in order of first appearance; -1 for a file without any known amino acid
        (receptors of element and position only). Nothing is known about what these resemble: leave them out of a split by
        sequence (``clusters >= 0``), or let another label decide with ``joined_groups(np.where(clusters < 0, np.nan,
        clusters), codes)``. Given to `split_by_groups` as they are, they stay together.

    Raises
    ------
    ValueError
        For settings that cannot be.
    FeaturizationError
        For a file that cannot be read.

    Notes
    -----
    A pocket's sequence is that of the residues in it. Pockets are better conserved than their proteins, so 0.4 joins more
    than 0.4 of whole sequences does (all protein kinases). Pockets that share too few residues to be aligned are similar
    where these bear the same numbers, see `deepchem_density.tables.residue_numbers`; two distant pockets of one protein share no
    residue and are not joined. Use whole proteins where there are files of them, and join PDB codes.

    Of 192 clusters at 40 % of whole sequences (usearch) among 601 pockets of PDBbind, this parts 4 at 0.4, and the largest
    cluster holds 82 pockets, of 23 of those. An identity from 0.25 to 0.5 parts the same 4; without the numbers 9 are
    parted, and the largest cluster holds 81.
    """
    _check(identity)
    names = [os.fspath(path) for path in paths]
    changed = {name: Path(name).stat().st_mtime_ns if Path(name).exists() else 0 for name in dict.fromkeys(names)}
    found = _clusters_of_files(tuple(changed.items()), identity)
    numbers = np.array([found[name] for name in names], dtype=np.int64)
    numbers[numbers >= 0] = joined_groups(numbers[numbers >= 0])
    return numbers


@lru_cache(maxsize=8)
def _clusters_of_files(files: tuple[tuple[str, int], ...], identity: float) -> dict[str, int]:
    """Return the cluster of each file, -1 without sequence; the times tell files that were written anew.

    Kept, since a run parts the same complexes again for every curve.
    """
    chains = {name: _chains(name) for name, _ in files}
    known = [name for name, residues in chains.items() if residues]
    proteins = [tuple(_sequence(chain) for chain in chains[name]) for name in known]
    numbered = [
        chain
        for name, protein in zip(known, map(_counting, proteins), strict=True)
        for chain in chains[name]
        if _sequence(chain) in protein
    ]
    pairs = [(_sequence(numbered[a]), _sequence(numbered[b])) for a, b in same_protein_pairs(numbered)]
    clusters = dict(zip(known, _clusters(proteins, identity, pairs), strict=True))
    unknown = len(chains) - len(known)
    if unknown:
        logger.info("%d of %d structures have no known amino acid; their cluster is -1", unknown, len(chains))
    return {name: int(clusters.get(name, -1)) for name in chains}


def cluster_sequences(proteins: Sequence[tuple[str, ...]], identity: float = 0.4) -> np.ndarray:
    """Cluster proteins by the highest `sequence_identity` between any chain of one and any chain of the other.

    Parameters
    ----------
    proteins : sequence of tuple of str
        (n,) the chains of each, of the twenty letters. Chains below 20 residues count only where there is no longer one.
    identity : float
        Above 0, at most 1: from here on two proteins are similar.

    Returns
    -------
    np.ndarray
        (n,) int64, from 0 in order of first appearance.

    Raises
    ------
    ValueError
        For settings that cannot be, a protein without chains, or letters that are no amino acids.

    Notes
    -----
    Similar proteins are always in one cluster, directly or through others, so that nothing in one is similar to anything in
    another. Only chains that share more words of three residues than two random sequences of their lengths would are aligned. Of
    5,394 similar pairs (0.4) among 634 chains of PDBbind pockets this misses 5, of 3,421 (0.5) none. Of random chains above
    150 residues that are equal in 0.45 of the shorter one it misses up to 2 %; real ones, whose equal residues stand
    together, share more words.
    """
    _check(identity)
    return _clusters(proteins, identity, ())


def _check(identity: float) -> None:
    if not 0 < identity <= 1:
        raise ValueError(f"identity={identity!r} arrived; a number above 0, at most 1, is accepted.")


def _clusters(proteins: Sequence[tuple[str, ...]], identity: float, known: Iterable[tuple[str, str]]) -> np.ndarray:
    """Cluster as `cluster_sequences` does; the pairs of sequences in `known` are similar whatever their identity."""
    if not proteins:
        return np.empty(0, dtype=np.int64)
    chains = [_counting(protein) for protein in proteins]
    distinct = sorted({chain for protein in chains for chain in protein})
    number = {chain: place for place, chain in enumerate(distinct)}
    members = [[number[chain] for chain in protein] for protein in chains]
    pairs = [(number[first], number[second]) for first, second in known]
    tied = DisjointSet(range(len(distinct)))
    for first, second in [*pairs, *((own[0], other) for own in members for other in own[1:])]:
        tied.merge(first, second)
    for first, second in _similar_pairs(distinct, identity, tied):
        tied.merge(first, second)
    return joined_groups([tied[own[0]] for own in members])


def _similar_pairs(sequences: list[str], identity: float, tied: DisjointSet) -> Iterator[tuple[int, int]]:
    """Yield the pairs of sequences whose identity reaches the threshold, except those that are tied by then."""
    residues = [_residues(sequence) for sequence in sequences]
    scoring = _scoring()
    for a, b in _candidates(sequences):
        if tied.connected(a, b):
            continue
        if _identity(residues[a], residues[b], scoring, identity) >= identity:
            yield a, b


def _candidates(sequences: list[str]) -> Iterator[tuple[int, int]]:
    """Yield pairs that share more different words than chance would give them, in rows of a sparse product."""
    words = _words(sequences)
    counts = np.array([max(len(sequence) - _WORD + 1, 0) for sequence in sequences], dtype=np.float64)
    for start in range(0, len(sequences), _BLOCK):
        block = words[start : start + _BLOCK]
        shared = (block @ words.T).toarray()
        # frequencies of amino acids differ: 1.3 times what twenty equal ones would give
        expected = 1.3 * counts[start : start + _BLOCK, None] * counts[None, :] / len(_LETTERS) ** _WORD
        shorter = np.minimum(counts[start : start + _BLOCK, None], counts[None, :])
        # whole chains that are similar share many more, and would else be aligned with a tenth of all others
        expected += np.where(shorter > LONGEST_POCKET, 2 * np.sqrt(expected), 0)
        rows, columns = np.nonzero((shared > expected) | (shorter < 1))
        yield from (
            (int(row) + start, int(column)) for row, column in zip(rows, columns, strict=True) if column > row + start
        )


def _words(sequences: list[str]) -> csr_matrix:
    """Return (n, 8000) ones where a sequence holds a word."""
    places = {letter: place for place, letter in enumerate(_LETTERS)}
    rows, columns = [], []
    for row, sequence in enumerate(sequences):
        codes = np.array([places[letter] for letter in sequence])
        if len(codes) >= _WORD:
            found = np.unique(sum(codes[i : len(codes) - _WORD + 1 + i] * 20**i for i in range(_WORD)))
            rows.append(np.full(len(found), row))
            columns.append(found)
    shape = (len(sequences), len(_LETTERS) ** _WORD)
    if not rows:
        return csr_matrix(shape, dtype=np.int32)
    ends = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.ones(len(ends[0]), dtype=np.int32), ends), shape=shape)


def _counting(protein: tuple[str, ...]) -> tuple[str, ...]:
    """Return the different chains that count for a protein."""
    bad = next((chain for chain in protein if not chain or set(chain) - set(_LETTERS)), None)
    if not protein or bad is not None:
        raise ValueError(
            f"a protein with the chains {protein!r} arrived; one or more of the letters {_LETTERS} are accepted"
        )
    long = tuple(dict.fromkeys(chain for chain in protein if len(chain) >= SHORTEST_CHAIN))
    return long or (max(protein, key=len),)


def _identity(first: list[str], second: list[str], scoring: gemmi.AlignmentScoring, least: float = 0.0) -> float:
    """Return the identity of two chains, 0 where it is chance or below `least`."""
    if first == second:
        return 1.0
    aligned = gemmi.align_string_sequences(first, second, [], scoring)
    identity = aligned.match_count / min(len(first), len(second))
    if identity < least:
        return 0.0
    by_chance = gemmi.align_string_sequences(first, second[::-1], [], scoring).score
    return identity if aligned.score >= by_chance + ABOVE_CHANCE else 0.0


def _residues(sequence: str) -> list[str]:
    return gemmi.expand_one_letter_sequence(sequence, gemmi.ResidueKind.AA)


def _scoring() -> gemmi.AlignmentScoring:
    scoring = gemmi.AlignmentScoring("b")  # BLOSUM62, in half bits; a gap costs 10 and 1 for each residue in it
    scoring.gape = 0
    return scoring


def _letter(name: str) -> str:
    if name in _FORCE_FIELD:
        return _FORCE_FIELD[name]
    known = gemmi.find_tabulated_residue(name)
    letter = known.one_letter_code.upper() if known.is_amino_acid() else ""
    return letter if letter in _LETTERS else ""
