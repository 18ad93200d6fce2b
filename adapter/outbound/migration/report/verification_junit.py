"""The verification as JUnit XML, which CI systems show as test results."""

from xml.etree import ElementTree as ET

from adapter.outbound.postgres.redaction import redact
from application.migration.verify import VerificationReport
from domain.migration.diagnostic import Severity
from domain.migration.verification.proof import RevisionProof


def render(report: VerificationReport) -> str:
    """Return a report with a test case per revision, and one for the history as a whole where it has diagnostics."""
    suite = ET.Element("testsuite", name="migrate verify")
    if report.diagnostics:
        case = ET.SubElement(suite, "testcase", classname="history", name="the applied revisions are the proved ones")
        for diagnostic in report.diagnostics:
            ET.SubElement(case, "failure", message=redact(diagnostic.message)).text = redact(diagnostic.help)
    for certificate in report.certified:
        name = f"{certificate.revision} unchanged since it was proved"
        ET.SubElement(suite, "testcase", classname="revisions", name=name)
    for proof in report.proofs:
        _case(suite, proof)
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _case(suite: ET.Element, proof: RevisionProof) -> None:
    trace = proof.analysis.trace
    case = ET.SubElement(suite, "testcase", classname="revisions", name=redact(f"{trace.revision} {trace.message}"))
    case.set("file", trace.path)
    if proof.not_judged:
        ET.SubElement(case, "skipped", message=redact(f"not judged: {trace.not_run}"))
    if proof.not_seen:
        ET.SubElement(case, "skipped", message="not proved: a statement matched no row of the sandbox")
    errors = [diagnostic for diagnostic in proof.diagnostics if diagnostic.severity is Severity.ERROR]
    if errors:
        parts = [f"{diagnostic.code}: {diagnostic.message}\n{diagnostic.help}" for diagnostic in errors]
        parts += dict.fromkeys(diagnostic.fix for diagnostic in errors if diagnostic.fix)
        text = "\n\n".join(map(redact, parts))
        ET.SubElement(case, "failure", message=redact(errors[0].message), type=errors[0].code).text = text
