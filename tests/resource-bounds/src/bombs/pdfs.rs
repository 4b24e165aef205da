//! PDFs whose streams, trees and references are hostile. They are written object by object; offsets are right unless the
//! wrong offset is the point.

use super::{Bomb, bomb, zlib};

pub(super) fn bombs() -> Vec<Bomb> {
    const ANY: &[&str] = &["text", "corrupt", "empty", "too_large", "too_many_pages"];
    vec![
        bomb("a content stream that unpacks to a thousand times its size", "a.pdf", content_bomb, ANY),
        bomb("a stream deflated three times", "a.pdf", deflate_chain, ANY),
        bomb("a hundred filters on one stream", "a.pdf", filter_chain, ANY),
        bomb(
            "a page tree that contains itself",
            "a.pdf",
            cyclic_pages,
            &["corrupt", "empty", "too_many_pages"],
        ),
        bomb("a page tree nested deeply", "a.pdf", deep_pages, ANY),
        bomb("a page tree that doubles at each level", "a.pdf", doubling_pages, ANY),
        bomb("a page tree whose nodes hold each other", "a.pdf", entangled_pages, &["corrupt"]),
        bomb("one page, two thousand times", "a.pdf", repeated_page, &["corrupt"]),
        bomb("pages beyond the bound", "a.pdf", many_pages, &["too_many_pages"]),
        bomb("a count of pages that is a lie", "a.pdf", lying_count, ANY),
        bomb("a form that draws itself", "a.pdf", recursive_form, ANY),
        bomb(
            "forms that draw each other twice, forty deep",
            "a.pdf",
            doubling_forms,
            &["text", "corrupt", "empty", "too_large", "timed_out"],
        ),
        bomb("a cross-reference table of fifty thousand entries", "a.pdf", long_table, ANY),
        bomb("a cross-reference chain that runs in a circle", "a.pdf", cyclic_table, ANY),
        bomb("an object that is a reference to itself", "a.pdf", cyclic_object, ANY),
        bomb("a length that is the stream's own", "a.pdf", cyclic_length, ANY),
        bomb("an outline that runs in a circle", "a.pdf", cyclic_outline, &["text"]),
        bomb("an outline whose items follow themselves", "a.pdf", endless_outline, &["text"]),
        bomb("an outline whose destination is itself", "a.pdf", cyclic_destination, &["text"]),
        bomb("lists nested deeply", "a.pdf", deep_lists, ANY),
        bomb("dictionaries nested deeply in a page", "a.pdf", deep_dictionaries, ANY),
        Bomb {
            takes_for_ever: true,
            ..bomb(
                "graphics states opened and never closed",
                "a.pdf",
                open_states,
                &["timed_out", "text", "empty", "corrupt"],
            )
        },
        bomb("a text matrix of infinities", "a.pdf", infinite_matrix, ANY),
        bomb("a character map over everything", "a.pdf", character_map, ANY),
        bomb("an encryption that names nothing", "a.pdf", broken_encryption, &["encrypted", "corrupt"]),
    ]
}

/// A PDF of these objects, from 1 on; the first is the catalog.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    pdf_with(objects, "")
}

fn pdf_with(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", bytes.len()));
        bytes.extend(format!("{} 0 obj\n", index + 1).bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let start = bytes.len();
    bytes.extend(table.bytes());
    bytes.extend(
        format!(
            "trailer\n<< /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n",
            objects.len() + 1
        )
        .bytes(),
    );
    bytes
}

fn text(object: impl Into<String>) -> Vec<u8> {
    object.into().into_bytes()
}

fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< /Length {} {dictionary} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// One page with this content and more objects from 5 on; 4 is the content.
fn one_page(resources: &str, content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<u8> {
    pdf(&one_page_objects(resources, content, more))
}

fn one_page_objects(resources: &str, content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut objects = vec![
        text("<< /Type /Catalog /Pages 2 0 R >>"),
        text("<< /Type /Pages /Kids [3 0 R] /Count 1 >>"),
        text(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 \
             << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> {resources} >> >>"
        )),
        content,
    ];
    objects.extend(more);
    objects
}

const SHOWN: &str = "BT /F1 12 Tf 72 700 Td (A few words on the page.) Tj ET\n";

fn content_bomb() -> Vec<u8> {
    let content = format!("{SHOWN}{}", " ".repeat(48 << 20));
    one_page("", stream("/Filter /FlateDecode", &zlib(content.as_bytes())), Vec::new())
}

fn deflate_chain() -> Vec<u8> {
    let once = zlib(&vec![b' '; 48 << 20]);
    let content = zlib(&zlib(&once));
    one_page("", stream("/Filter [/FlateDecode /FlateDecode /FlateDecode]", &content), Vec::new())
}

fn filter_chain() -> Vec<u8> {
    let filters = "/ASCIIHexDecode ".repeat(100);
    one_page("", stream(&format!("/Filter [{filters}]"), SHOWN.as_bytes()), Vec::new())
}

fn cyclic_pages() -> Vec<u8> {
    pdf(&[
        text("<< /Type /Catalog /Pages 2 0 R >>"),
        text("<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>"),
        text("<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>"),
    ])
}

/// `depth` nodes, each with these kids (`NEXT` is the node below), and one page at the end.
fn tree(depth: usize, kids: &str) -> Vec<u8> {
    let mut objects = vec![text("<< /Type /Catalog /Pages 2 0 R >>")];
    for number in 2..depth + 2 {
        let kids = kids.replace("NEXT", &format!("{} 0 R", number + 1));
        objects.push(text(format!("<< /Type /Pages /Kids [{kids}] /Count 1 >>")));
    }
    let content = depth + 3;
    objects.push(text(format!(
        "<< /Type /Page /MediaBox [0 0 9 9] /Contents {content} 0 R /Resources << >> >>"
    )));
    objects.push(stream("", SHOWN.as_bytes()));
    pdf(&objects)
}

fn deep_pages() -> Vec<u8> {
    tree(20_000, "NEXT")
}

fn doubling_pages() -> Vec<u8> {
    tree(40, "NEXT NEXT")
}

/// Each way through it is met on its own: two to the fiftieth.
fn entangled_pages() -> Vec<u8> {
    pdf(&[
        text("<< /Type /Catalog /Pages 2 0 R >>"),
        text("<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 9 >>"),
        text("<< /Type /Pages /Kids [4 0 R 2 0 R 4 0 R] /Count 9 >>"),
        text("<< /Type /Pages /Kids [2 0 R 3 0 R 3 0 R] /Count 9 >>"),
    ])
}

/// To the library each but the first is missing, and looked for in the whole file.
fn repeated_page() -> Vec<u8> {
    let mut objects = one_page_objects("", stream("", SHOWN.as_bytes()), Vec::new());
    objects[1] = text(format!("<< /Type /Pages /Kids [{}] /Count 2000 >>", "3 0 R ".repeat(2_000)));
    pdf(&objects)
}

fn many_pages() -> Vec<u8> {
    let kids: String = (3..5_003).map(|number| format!("{number} 0 R ")).collect();
    let mut objects = vec![
        text("<< /Type /Catalog /Pages 2 0 R >>"),
        text(format!("<< /Type /Pages /Kids [{kids}] /Count 5000 >>")),
    ];
    objects.extend((0..5_000).map(|_| text("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>")));
    pdf(&objects)
}

fn lying_count() -> Vec<u8> {
    let objects = one_page_objects("", stream("", SHOWN.as_bytes()), Vec::new());
    let mut objects = objects;
    objects[1] = text("<< /Type /Pages /Kids [3 0 R] /Count 2000 >>");
    pdf(&objects)
}

fn recursive_form() -> Vec<u8> {
    let form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>";
    let content = format!("{SHOWN}/X Do");
    one_page(
        "/XObject << /X 5 0 R >>",
        stream("", content.as_bytes()),
        vec![stream(form, b"/X Do /X Do /X Do")],
    )
}

fn doubling_forms() -> Vec<u8> {
    let form = |next: usize| {
        let resources = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {next} 0 R >> >>"
        );
        stream(&resources, b"/X Do /X Do")
    };
    let content = format!("{SHOWN}/X Do");
    let mut forms: Vec<_> = (6..46).map(form).collect();
    forms.push(stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"q Q"));
    one_page("/XObject << /X 5 0 R >>", stream("", content.as_bytes()), forms)
}

fn long_table() -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n".to_vec();
    let start = bytes.len();
    bytes.extend(b"xref\n0 50000\n");
    bytes.extend(b"0000000009 00000 n \n".repeat(50_000));
    bytes.extend(format!("trailer\n<< /Size 4294967295 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").bytes());
    bytes
}

fn cyclic_table() -> Vec<u8> {
    let objects = one_page_objects("", stream("", SHOWN.as_bytes()), Vec::new());
    let plain = pdf(&objects);
    let start = plain.windows(5).position(|window| window == b"xref\n").expect("a table was written");
    pdf_with(&objects, &format!("/Prev {start}"))
}

fn cyclic_object() -> Vec<u8> {
    one_page("/XObject 5 0 R /ExtGState 5 0 R", text("5 0 R"), vec![text("6 0 R"), text("5 0 R")])
}

fn cyclic_length() -> Vec<u8> {
    let content = format!("<< /Length 4 0 R >>\nstream\n{SHOWN}\nendstream");
    one_page("", text(content), Vec::new())
}

fn cyclic_outline() -> Vec<u8> {
    let mut objects = one_page_objects("", stream("", SHOWN.as_bytes()), Vec::new());
    objects[0] = text("<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>");
    objects.push(text("<< /Type /Outlines /First 6 0 R /Last 7 0 R /Count 2 >>"));
    objects.push(text("<< /Title (One) /Parent 5 0 R /Next 7 0 R /First 6 0 R /Dest [3 0 R /Fit] >>"));
    objects.push(text("<< /Title (Two) /Parent 5 0 R /Next 6 0 R /First 7 0 R /Dest [3 0 R /Fit] >>"));
    pdf(&objects)
}

fn outline_of(item: &str) -> Vec<u8> {
    let mut objects = one_page_objects("", stream("", SHOWN.as_bytes()), vec![text("7 0 R")]);
    objects[0] = text("<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>");
    objects[4] = text("5 0 R");
    objects.push(text("<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>"));
    objects.push(text(format!("<< /Title (One) /Parent 6 0 R {item} >>")));
    pdf(&objects)
}

fn endless_outline() -> Vec<u8> {
    outline_of("/Next 7 0 R /Dest [3 0 R /Fit]")
}

fn cyclic_destination() -> Vec<u8> {
    outline_of("/Dest 5 0 R")
}

fn deep_lists() -> Vec<u8> {
    let lists = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let mut objects = one_page_objects("", stream("", SHOWN.as_bytes()), Vec::new());
    objects[0] = text(format!("<< /Type /Catalog /Pages 2 0 R /Deep {lists} >>"));
    pdf(&objects)
}

fn deep_dictionaries() -> Vec<u8> {
    let nested = format!("/A {}1{}", "<< /A ".repeat(200_000), " >>".repeat(200_000));
    one_page(&nested, stream("", SHOWN.as_bytes()), Vec::new())
}

fn open_states() -> Vec<u8> {
    let content = format!("{}{SHOWN}", "q BT [ << ( ".repeat(500_000));
    one_page("", stream("", content.as_bytes()), Vec::new())
}

fn infinite_matrix() -> Vec<u8> {
    let content =
        "BT /F1 1e38 Tf 1e38 1e38 1e38 1e38 1e38 1e38 Tm 1e38 TL (a) Tj T* (b) ' -1e38 Tz (c) Tj ET "
            .repeat(100);
    one_page("", stream("", content.as_bytes()), Vec::new())
}

fn character_map() -> Vec<u8> {
    let map = format!(
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00000000> <ffffffff> endcodespacerange {} endcmap",
        "1 beginbfrange <00000000> <ffffffff> <0041> endbfrange 1 begincidrange <0000> <ffff> 0 endcidrange "
            .repeat(100)
    );
    let mut objects =
        one_page_objects("", stream("", b"BT /F2 12 Tf 72 700 Td <0041004200430044> Tj ET"), Vec::new());
    objects[2] = text(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F2 5 0 R >> >> >>",
    );
    objects.push(text("<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts [7 0 R] >>"));
    objects.push(stream("", map.as_bytes()));
    objects
        .push(text("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /W [0 4294967295 1000] /DW 1000 >>"));
    pdf(&objects)
}

fn broken_encryption() -> Vec<u8> {
    let objects = one_page_objects("", stream("", SHOWN.as_bytes()), Vec::new());
    pdf_with(&objects, "/Encrypt << /Filter /Standard /V 5 /R 6 /Length 99999999 /P -1 /O () /U () >>")
}
